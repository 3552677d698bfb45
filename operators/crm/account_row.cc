#include "crm/account_row.h"

#include <algorithm>
#include <string>
#include <utility>

#include "crm/ids.h"

namespace millrace::crm {
namespace {

std::optional<std::string_view> view_of(const flatbuffers::String* text) {
  if (text == nullptr) return std::nullopt;
  return text->string_view();
}

std::optional<VersionView> view_of(const Version* version) {
  if (version == nullptr) return std::nullopt;
  return view_of(*version);
}

bool by_name(const FieldView& a, const FieldView& b) {
  return a.name < b.name;
}

/// Writes each distinct version of a row once; most fields share theirs with others.
class VersionWriter {
 public:
  explicit VersionWriter(flatbuffers::FlatBufferBuilder& builder) : builder_(builder) {}

  flatbuffers::Offset<Version> write(const std::optional<VersionView>& version) {
    if (!version) return {};
    for (const auto& [known, offset] : written_) {
      if (known == *version) return offset;
    }
    const auto offset = write_version(builder_, *version);
    if (written_.size() < kRemembered) written_.emplace_back(*version, offset);
    return offset;
  }

 private:
  static constexpr size_t kRemembered = 16;
  flatbuffers::FlatBufferBuilder& builder_;
  std::vector<std::pair<VersionView, flatbuffers::Offset<Version>>> written_;
};

bool raise(std::optional<VersionView>& version, VersionView to) {
  if (version >= to) return false;
  version = to;
  return true;
}

bool merge_existence(RowView& row, const ChangeView& change) {
  if (change.type == ChangeType::Gap) return false;
  const RowStatus status = change.type == ChangeType::Delete ? RowStatus::Deleted : RowStatus::Live;
  if (row.existence_version && std::pair(*row.existence_version, row.status == RowStatus::Live) >=
                                   std::pair(change.version, status == RowStatus::Live)) {
    return false;
  }
  row.existence_version = change.version;
  row.status = status;
  return true;
}

bool outranks(const FieldView& a, const FieldView& b) {
  return std::tie(a.version, a.value) > std::tie(b.version, b.value);
}

/// Of both sorted lists the higher-ranking field per name.
std::vector<FieldView> merge_fields(const std::vector<FieldView>& row,
                                    const std::vector<FieldView>& change) {
  std::vector<FieldView> merged;
  merged.reserve(row.size() + change.size());
  auto a = row.begin();
  auto b = change.begin();
  while (a != row.end() && b != change.end()) {
    if (a->name < b->name) {
      merged.push_back(*a++);
    } else if (b->name < a->name) {
      merged.push_back(*b++);
    } else {
      merged.push_back(outranks(*b, *a) ? *b : *a);
      ++a;
      ++b;
    }
  }
  merged.insert(merged.end(), a, row.end());
  merged.insert(merged.end(), b, change.end());
  return merged;
}

}  // namespace

VersionView RowView::newest_version() const {
  LatestVersion latest;
  for (const auto& version : {existence_version, full_image_version, gap_version}) {
    if (version) latest.take(*version);
  }
  for (const FieldView& field : fields) latest.take(field.version);
  return latest.get().value_or(VersionView());
}

Result<ChangeView> read_change(const AccountChange& change) {
  ChangeView view{.id = change.id()->string_view(),
                  .type = change.change_type(),
                  .version = view_of(*change.version())};
  if (!is_internal_id(view.id)) {
    return Error{ErrorCode::kInvalidRecord, "the id of an account change is not source:id"};
  }
  if (view.type < ChangeType::MIN || view.type > ChangeType::MAX) {
    return Error{ErrorCode::kInvalidRecord,
                 "this version does not know the type of the account change"};
  }
  MILLRACE_RETURN_IF_ERROR(check_version(view.version));
  view.full_image = view.type == ChangeType::Create || view.type == ChangeType::Undelete ||
                    (view.type == ChangeType::Update && change.full_image());
  if (change.fields() == nullptr) return view;
  view.fields.reserve(change.fields()->size());
  for (const FieldValue* field : *change.fields()) {
    view.fields.push_back({field->name()->string_view(), view_of(field->value()), view.version});
  }
  if (!std::ranges::is_sorted(view.fields, by_name)) std::ranges::sort(view.fields, by_name);
  const auto same_name = [](const auto& a, const auto& b) { return a.name == b.name; };
  if (std::ranges::adjacent_find(view.fields, same_name) != view.fields.end()) {
    return Error{ErrorCode::kInvalidRecord, "an account change with two values for one field"};
  }
  return view;
}

RowView read_row(const AccountRow& row) {
  RowView view{.id = row.id()->string_view(),
               .status = row.status(),
               .existence_version = view_of(row.existence_version()),
               .full_image_version = view_of(row.full_image_version()),
               .gap_version = view_of(row.gap_version())};
  if (row.fields() == nullptr) return view;
  view.fields.reserve(row.fields()->size());
  for (const RowField* field : *row.fields()) {
    view.fields.push_back(
        {field->name()->string_view(), view_of(field->value()), view_of(*field->version())});
  }
  return view;
}

flatbuffers::Offset<AccountRow> write_row(
    flatbuffers::FlatBufferBuilder& builder, const RowView& row,
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<AccountRow>>> logs) {
  VersionWriter versions(builder);
  std::vector<flatbuffers::Offset<RowField>> fields;
  fields.reserve(row.fields.size());
  for (const FieldView& field : row.fields) {
    const auto name = builder.CreateString(field.name);
    const auto value = field.value ? builder.CreateString(*field.value)
                                   : flatbuffers::Offset<flatbuffers::String>();
    fields.push_back(CreateRowField(builder, name, value, versions.write(field.version)));
  }
  const auto id = builder.CreateString(row.id);
  const auto existence = versions.write(row.existence_version);
  const auto full_image = versions.write(row.full_image_version);
  const auto gap = versions.write(row.gap_version);
  const auto all_fields = builder.CreateVector(fields);
  return CreateAccountRow(builder, id, row.status, existence, full_image, gap, all_fields, logs);
}

bool erase_through(RowView& row, int64_t through_ms) {
  const auto is_old = [through_ms](VersionView version) {
    return version.commit_timestamp_ms <= through_ms;
  };
  bool changed =
      std::erase_if(row.fields, [&](const auto& field) { return is_old(field.version); }) > 0;
  for (auto* version : {&row.existence_version, &row.full_image_version, &row.gap_version}) {
    if (!*version || !is_old(**version)) continue;
    version->reset();
    changed = true;
  }
  if (!row.existence_version) row.status = RowStatus::Unknown;
  return changed;
}

bool is_bare(const RowView& row) {
  return !row.existence_version && !row.full_image_version && !row.gap_version &&
         row.fields.empty();
}

Result<bool> merge_change(RowView& row, const ChangeView& change) {
  std::optional<VersionView> full_image_version = row.full_image_version;
  bool changed = change.full_image && raise(full_image_version, change.version);
  std::vector<FieldView> fields = merge_fields(row.fields, change.fields);
  std::erase_if(fields, [&](const FieldView& f) { return f.version < full_image_version; });
  if (fields.size() > kRowFieldsMax) {
    return Error{ErrorCode::kInvalidRecord,
                 "an account with more than " + std::to_string(kRowFieldsMax) + " fields"};
  }
  changed |= fields != row.fields;
  row.fields = std::move(fields);
  row.full_image_version = full_image_version;
  if (change.type == ChangeType::Gap) changed |= raise(row.gap_version, change.version);
  changed |= merge_existence(row, change);
  return changed;
}

}  // namespace millrace::crm
