#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "crm/model/version.h"

namespace millrace::crm {

/// A field of a row about which a change said that it does not tell the value (`RowHole` in
/// account_row.fbs). The field's parts ("attrs.a" of "attrs") share its hole.
struct HoleView {
  std::string_view name;
  /// Of the newest change that left the value unknown.
  std::optional<VersionView> unknown_version{};
  /// The newest full image left the field out as unchanged.
  bool is_unchanged = false;
  /// With `is_unchanged`: of the newest full image that did not.
  std::optional<VersionView> floor{};

  friend bool operator==(const HoleView&, const HoleView&) = default;
};

/// A change's holes, for `merge_holes`. Both lists are sorted.
struct ChangedHoles {
  VersionView version{};
  bool is_full_image = false;
  std::span<const std::string_view> unknown{};
  std::span<const std::string_view> unchanged{};  ///< counts in full images only
};

/// Calls `visit(hole)` with the holes of `name` and of the compounds it is part of, the nearest
/// first, until it returns true; returns whether it did.
template <class Visit>
bool any_hole_of(std::span<const HoleView> holes, std::string_view name, Visit&& visit) {
  for (;;) {
    const auto at = std::ranges::lower_bound(holes, name, {}, &HoleView::name);
    if (at != holes.end() && at->name == name && visit(*at)) return true;
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return false;
    name = name.substr(0, dot);
  }
}

/// The holes of a row after a change. `full_image_version`: of the row before it. Sorted by name,
/// and a function of the set of changes.
std::vector<HoleView> merge_holes(std::span<const HoleView> holes,
                                  const std::optional<VersionView>& full_image_version,
                                  const ChangedHoles& change);

/// The version below which values of `name` are gone: of the newest full image that did not leave
/// the field out as unchanged.
std::optional<VersionView> floor_of(std::span<const HoleView> holes,
                                    const std::optional<VersionView>& full_image_version,
                                    std::string_view name);

}  // namespace millrace::crm
