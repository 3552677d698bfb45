#include "state/indexes/index_changes.h"

#include <exception>
#include <utility>

#include <spdlog/spdlog.h>

namespace millrace {

IndexChanges::IndexChanges(IndexSpec spec, std::string name)
    : spec_(std::move(spec)), name_(std::move(name)) {}

void IndexChanges::compare(Bytes key, Bytes before, Bytes after, const Visitor& visit) {
  if (before == after) return;
  const std::span<const std::string> old_values = values_of(key, before, before_);
  const std::span<const std::string> new_values = values_of(key, after, after_);
  const auto tell = [&](const std::string& value, bool is_there) {
    entry_.assign(value).append(key.view());
    visit(entry_, is_there);
  };
  auto old_value = old_values.begin();
  auto new_value = new_values.begin();
  while (old_value != old_values.end() || new_value != new_values.end()) {
    if (new_value == new_values.end() ||
        (old_value != old_values.end() && *old_value < *new_value)) {
      tell(*old_value++, false);
    } else if (old_value == old_values.end() || *new_value < *old_value) {
      tell(*new_value++, true);
    } else {
      ++old_value;
      ++new_value;
    }
  }
}

std::span<const std::string> IndexChanges::values_of(Bytes key, Bytes value, IndexValues& values) {
  values.clear();
  if (value.is_null()) return {};
  try {
    spec_.values_of(key, value, values);
  } catch (const std::exception& thrown) {
    values.clear();
    warn(thrown.what());
  } catch (...) {
    values.clear();
    warn("not a std::exception");
  }
  return values.sorted();
}

void IndexChanges::warn(const char* thrown) {
  if (std::exchange(has_warned_, true)) return;
  spdlog::error("index leaves out rows for which its function throws index={} first=\"{}\"", name_,
                thrown);
}

}  // namespace millrace
