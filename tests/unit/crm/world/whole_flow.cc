#include "whole_flow.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace::crm {
namespace {

std::string text_of(const std::string& text) {
  return text;
}

std::string text_of(const OwnedRedirect& redirect) {
  std::string text =
      fmt::format("{} into '{}' root {} by {}", EnumNameRedirectDecision(redirect.decision),
                  redirect.survivor, redirect.root, text_of(redirect.version.view()));
  for (const OwnedStay& stay : redirect.stays) {
    text += fmt::format(", [{} {}) at {} root {}", text_of(stay.from.view()),
                        text_of(stay.until.view()), stay.survivor, stay.root);
  }
  return text;
}

std::string text_of(const PlacedChild& child) {
  return fmt::format("of {} under {}: {}", child.account, child.root, child.row);
}

std::string name_of(const std::string& id) {
  return id;
}
std::string name_of(const std::pair<ChildKind, std::string>& child) {
  return fmt::format("{} {}", EnumNameChildKind(child.first), child.second);
}

template <class Map>
void compare(std::string_view what, const Map& actual, const Map& expected,
             std::vector<std::string>& lines) {
  std::set<typename Map::key_type> keys;
  for (const auto& [key, value] : actual) keys.insert(key);
  for (const auto& [key, value] : expected) keys.insert(key);
  const auto text_in = [](const Map& map, const typename Map::key_type& key) {
    const auto found = map.find(key);
    return found == map.end() ? std::string("none") : text_of(found->second);
  };
  for (const auto& key : keys) {
    const std::string a = text_in(actual, key);
    const std::string e = text_in(expected, key);
    if (a != e) lines.push_back(fmt::format("{} {}: is {}\n  not {}", what, name_of(key), a, e));
  }
}

std::string text_of(const std::optional<VersionView>& version) {
  return version ? text_of(*version) : "-";
}

}  // namespace

std::string text_of(VersionView version) {
  return fmt::format("{}.{}.{}", version.commit_timestamp_ms, version.sequence_number,
                     version.transaction_key);
}

std::string text_of(const RowView& row) {
  std::string text = fmt::format("{} by {}, whole {}, gap {}", EnumNameRowStatus(row.status),
                                 text_of(row.existence_version), text_of(row.full_image_version),
                                 text_of(row.gap_version));
  for (const FieldView& field : row.fields) {
    text += fmt::format(", {}={}", field.name, text_of_field(field.value, row.id, field.version));
  }
  return text;
}

std::string text_of(const StateImage& state) {
  return fmt::format(
      "{}{}{} members {} fields {} children {} at {}", EnumNameAccountStatus(state.status),
      state.delete_pending ? ", delete pending" : "", state.incomplete ? ", incomplete" : "",
      state.members, state.fields, state.children, state.event_time_ms);
}

std::string text_of_member(const std::string& id, const std::string& via) {
  return fmt::format("{} via '{}'", id, via);
}

std::string text_of_field(const GoldenField& field) {
  std::optional<std::string_view> value;
  if (field.value() != nullptr) value = field.value()->string_view();
  return text_of_field(value, field.member()->string_view(), view_of(*field.version()));
}

std::string text_of_field(std::optional<std::string_view> value, std::string_view member,
                          VersionView version) {
  return fmt::format("{} of {} by {}", value.value_or("null"), member, text_of(version));
}

std::vector<std::string> differences(const WholeFlow& actual, const WholeFlow& expected) {
  std::vector<std::string> lines;
  compare("redirect", actual.redirects, expected.redirects, lines);
  compare("row", actual.rows, expected.rows, lines);
  compare("state", actual.states, expected.states, lines);
  compare("child", actual.children, expected.children, lines);
  if (actual.inactive_edges != expected.inactive_edges) {
    lines.push_back(fmt::format("{} edges are reported as inactive, not {}",
                                actual.inactive_edges.size(), expected.inactive_edges.size()));
  }
  return lines;
}

}  // namespace millrace::crm
