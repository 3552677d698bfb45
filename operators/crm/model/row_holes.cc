#include "crm/model/row_holes.h"

#include <algorithm>

namespace millrace::crm {
namespace {

bool contains_or_covers(std::span<const std::string_view> names, std::string_view name) {
  for (;;) {
    if (std::ranges::binary_search(names, name)) return true;
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return false;
    name = name.substr(0, dot);
  }
}

HoleView& hole_at(std::vector<HoleView>& holes, std::string_view name) {
  const auto at = std::ranges::lower_bound(holes, name, {}, &HoleView::name);
  if (at != holes.end() && at->name == name) return *at;
  return *holes.insert(at, HoleView{.name = name});
}

/// A full image tells all fields but those that it leaves out as unchanged.
void take_full_image(std::vector<HoleView>& holes,
                     const std::optional<VersionView>& full_image_version,
                     const ChangedHoles& change) {
  const bool is_newest = !full_image_version || change.version > *full_image_version;
  for (HoleView& hole : holes) {
    if (!hole.is_unchanged || contains_or_covers(change.unchanged, hole.name)) continue;
    hole.floor = std::max(hole.floor, std::optional(change.version));
    if (is_newest || change.version == *full_image_version) {
      hole.is_unchanged = false;
      hole.floor.reset();
    }
  }
  if (!is_newest) return;
  for (const std::string_view name : change.unchanged) {
    HoleView& hole = hole_at(holes, name);
    if (hole.is_unchanged) continue;
    hole.is_unchanged = true;
    hole.floor = full_image_version;
  }
}

}  // namespace

std::optional<VersionView> floor_of(std::span<const HoleView> holes,
                                    const std::optional<VersionView>& full_image_version,
                                    std::string_view name) {
  std::optional<VersionView> floor = full_image_version;
  any_hole_of(holes, name, [&floor](const HoleView& hole) {
    if (hole.is_unchanged) floor = hole.floor;
    return hole.is_unchanged;
  });
  return floor;
}

std::vector<HoleView> merge_holes(std::span<const HoleView> holes,
                                  const std::optional<VersionView>& full_image_version,
                                  const ChangedHoles& change) {
  std::vector<HoleView> merged(holes.begin(), holes.end());
  if (change.is_full_image) take_full_image(merged, full_image_version, change);
  for (const std::string_view name : change.unknown) {
    HoleView& hole = hole_at(merged, name);
    hole.unknown_version = std::max(hole.unknown_version, std::optional(change.version));
  }
  return merged;
}

}  // namespace millrace::crm
