#include "row_oracle.h"

#include <map>

namespace millrace::crm {
namespace {

void raise(std::optional<VersionView>& version, VersionView to) {
  if (!version || *version < to) version = to;
}

}  // namespace

RowView row_oracle(std::string_view id, std::span<const ChangeView> changes) {
  RowView row{.id = id};
  std::map<std::string_view, FieldView> best;
  for (const ChangeView& one : changes) {
    if (one.id != id) continue;
    if (one.full_image) raise(row.full_image_version, one.version);
    raise(one.type == ChangeType::Gap ? row.gap_version : row.existence_version, one.version);
    for (const FieldView& f : one.fields) {
      const auto it = best.find(f.name);
      if (it == best.end() || it->second.version < f.version ||
          (it->second.version == f.version && it->second.value < f.value)) {
        best[f.name] = f;
      }
    }
  }
  for (const ChangeView& one : changes) {
    if (one.id != id || one.type == ChangeType::Gap || one.version != row.existence_version)
      continue;
    if (one.type != ChangeType::Delete) row.status = RowStatus::Live;
    if (row.status != RowStatus::Live) row.status = RowStatus::Deleted;
  }
  for (const auto& [name, f] : best) {
    if (!row.full_image_version || f.version >= *row.full_image_version) row.fields.push_back(f);
  }
  return row;
}

}  // namespace millrace::crm
