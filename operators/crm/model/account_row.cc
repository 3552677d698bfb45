#include "crm/model/account_row.h"

#include <algorithm>
#include <string>
#include <utility>

#include "crm/model/ids.h"
#include "crm/model/whole_table.h"

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
  // A snapshot that did not bring the record may have been read before the change was committed.
  const bool comes_back = status == RowStatus::Live && row.existence_version &&
                          may_follow(*row.existence_version, change.version) &&
                          change.version >= row.full_image_version;
  if (!comes_back && row.existence_version &&
      std::pair(*row.existence_version, row.status == RowStatus::Live) >=
          std::pair(change.version, status == RowStatus::Live)) {
    return false;
  }
  row.existence_version = change.version;
  row.status = status;
  return true;
}

bool outranks(const FieldView& a, const FieldView& b) {
  return std::tie(a.version, a.value, a.type) > std::tie(b.version, b.value, b.type);
}

FieldView* find_field(std::vector<FieldView>& fields, std::string_view name) {
  const auto at = std::ranges::lower_bound(fields, name, {}, &FieldView::name);
  return at != fields.end() && at->name == name ? &*at : nullptr;
}

/// Parts older than their whole go, wholes older than a part become null.
void replace_parts(std::vector<FieldView>& fields) {
  const auto is_part = [](const FieldView& field) {
    return field.name.find('.') != std::string_view::npos;
  };
  if (std::ranges::none_of(fields, is_part)) return;
  const auto is_replaced = [&fields](const FieldView& part) {
    for (size_t dot = part.name.find('.'); dot != std::string_view::npos;
         dot = part.name.find('.', dot + 1)) {
      const FieldView* whole = find_field(fields, part.name.substr(0, dot));
      if (whole != nullptr && whole->version > part.version) return true;
    }
    return false;
  };
  std::vector<FieldView> kept;
  kept.reserve(fields.size());
  for (const FieldView& field : fields) {
    if (!is_replaced(field)) kept.push_back(field);
  }
  for (const FieldView& part : kept) {
    for (size_t dot = part.name.find('.'); dot != std::string_view::npos;
         dot = part.name.find('.', dot + 1)) {
      FieldView* whole = find_field(kept, part.name.substr(0, dot));
      if (whole != nullptr && whole->version < part.version) whole->value.reset();
    }
  }
  fields = std::move(kept);
}

/// The newest value of a field, of one of its parts or of a whole that it is part of.
std::optional<VersionView> told_version(const std::vector<FieldView>& fields,
                                        std::string_view name) {
  std::optional<VersionView> newest;
  for (auto at = std::ranges::lower_bound(fields, name, {}, &FieldView::name);
       at != fields.end() && at->name.starts_with(name); ++at) {
    const bool is_part = at->name.size() > name.size() && at->name[name.size()] == '.';
    if (at->name == name || is_part) newest = std::max(newest, std::optional(at->version));
  }
  for (size_t dot = name.rfind('.'); dot != std::string_view::npos;
       dot = name.substr(0, dot).rfind('.')) {
    const std::string_view whole = name.substr(0, dot);
    const auto at = std::ranges::lower_bound(fields, whole, {}, &FieldView::name);
    if (at != fields.end() && at->name == whole) {
      newest = std::max(newest, std::optional(at->version));
    }
  }
  return newest;
}

/// Holes that a value or a full image has closed go.
void close_holes(RowView& row) {
  for (HoleView& hole : row.holes) {
    if (!hole.unknown_version) continue;
    if (hole.unknown_version < floor_of(row.holes, row.full_image_version, hole.name) ||
        told_version(row.fields, hole.name) >= hole.unknown_version) {
      hole.unknown_version.reset();
    }
  }
  std::erase_if(row.holes,
                [](const HoleView& hole) { return !hole.unknown_version && !hole.is_unchanged; });
}

bool is_open(const RowView& row, const HoleView& hole) {
  return hole.unknown_version || !told_version(row.fields, hole.name);
}

std::vector<std::string_view> names_in(
    const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* texts) {
  std::vector<std::string_view> names;
  if (texts == nullptr) return names;
  for (const flatbuffers::String* text : *texts) names.push_back(text->string_view());
  std::ranges::sort(names);
  return names;
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
  for (const HoleView& hole : holes) {
    if (hole.unknown_version) latest.take(*hole.unknown_version);
  }
  return latest.get().value_or(VersionView());
}

bool RowView::has_unknown_fields() const {
  return std::ranges::any_of(holes, [this](const HoleView& hole) { return is_open(*this, hole); });
}

bool RowView::is_unknown(std::string_view field) const {
  return any_hole_of(holes, field, [this](const HoleView& hole) { return is_open(*this, hole); });
}

std::vector<std::string_view> RowView::unknown_fields() const {
  std::vector<std::string_view> names;
  for (const HoleView& hole : holes) {
    if (is_open(*this, hole)) names.push_back(hole.name);
  }
  return names;
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
  view.unknown_fields = names_in(change.unknown_fields());
  view.unchanged_fields = names_in(change.unchanged_fields());
  if (change.table() != nullptr) view.table = change.table()->string_view();
  if (change.fields() == nullptr) return view;
  view.fields.reserve(change.fields()->size());
  for (const FieldValue* field : *change.fields()) {
    if (field->type() < FieldType::MIN || field->type() > FieldType::MAX) {
      return Error{ErrorCode::kInvalidRecord, "a field of an account change has an unknown type"};
    }
    view.fields.push_back(
        {field->name()->string_view(), view_of(field->value()), view.version, field->type()});
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
  if (row.holes() != nullptr) {
    for (const RowHole* hole : *row.holes()) {
      view.holes.push_back({.name = hole->name()->string_view(),
                            .unknown_version = view_of(hole->unknown_version()),
                            .is_unchanged = hole->unchanged(),
                            .floor = view_of(hole->floor())});
    }
  }
  if (row.fields() == nullptr) return view;
  view.fields.reserve(row.fields()->size());
  for (const RowField* field : *row.fields()) {
    view.fields.push_back({field->name()->string_view(), view_of(field->value()),
                           view_of(*field->version()), field->type()});
  }
  return view;
}

flatbuffers::Offset<AccountRow> write_row(
    flatbuffers::FlatBufferBuilder& builder, const RowView& row,
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<AccountRow>>> logs,
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> tables) {
  VersionWriter versions(builder);
  std::vector<flatbuffers::Offset<RowField>> fields;
  fields.reserve(row.fields.size());
  for (const FieldView& field : row.fields) {
    const auto name = builder.CreateString(field.name);
    const auto value = field.value ? builder.CreateString(*field.value)
                                   : flatbuffers::Offset<flatbuffers::String>();
    fields.push_back(
        CreateRowField(builder, name, value, versions.write(field.version), field.type));
  }
  std::vector<flatbuffers::Offset<RowHole>> holes;
  for (const HoleView& hole : row.holes) {
    const auto name = builder.CreateString(hole.name);
    const auto unknown = versions.write(hole.unknown_version);
    const auto floor = versions.write(hole.floor);
    holes.push_back(CreateRowHole(builder, name, unknown, hole.is_unchanged, floor));
  }
  const auto id = builder.CreateString(row.id);
  const auto existence = versions.write(row.existence_version);
  const auto full_image = versions.write(row.full_image_version);
  const auto gap = versions.write(row.gap_version);
  const auto all_fields = builder.CreateVector(fields);
  const auto all_holes =
      holes.empty() ? flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<RowHole>>>()
                    : builder.CreateVector(holes);
  return CreateAccountRow(builder, id, row.status, existence, full_image, gap, all_fields, logs,
                          all_holes, tables);
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
  for (HoleView& hole : row.holes) {
    for (auto* version : {&hole.unknown_version, &hole.floor}) {
      if (!*version || !is_old(**version)) continue;
      version->reset();
      changed = true;
    }
    hole.is_unchanged = hole.is_unchanged && row.full_image_version;
  }
  changed |= std::erase_if(row.holes, [](const HoleView& hole) {
               return !hole.unknown_version && !hole.is_unchanged;
             }) > 0;
  return changed;
}

bool is_bare(const RowView& row) {
  return !row.existence_version && !row.full_image_version && !row.gap_version &&
         row.fields.empty() && row.holes.empty();
}

Result<bool> merge_change(RowView& row, const ChangeView& change) {
  std::optional<VersionView> full_image_version = row.full_image_version;
  bool changed = change.full_image && raise(full_image_version, change.version);
  RowView merged{.id = row.id};
  merged.holes = merge_holes(row.holes, row.full_image_version,
                             {.version = change.version,
                              .is_full_image = change.full_image,
                              .unknown = change.unknown_fields,
                              .unchanged = change.unchanged_fields});
  merged.full_image_version = full_image_version;
  merged.fields = merge_fields(row.fields, change.fields);
  std::vector<FieldView>& fields = merged.fields;
  std::erase_if(fields, [&](const FieldView& field) {
    return field.version < floor_of(merged.holes, full_image_version, field.name);
  });
  replace_parts(fields);
  close_holes(merged);
  if (fields.size() > kRowFieldsMax || merged.holes.size() > kRowFieldsMax) {
    return Error{ErrorCode::kInvalidRecord,
                 "an account with more than " + std::to_string(kRowFieldsMax) + " fields"};
  }
  changed |= fields != row.fields || merged.holes != row.holes;
  row.fields = std::move(merged.fields);
  row.holes = std::move(merged.holes);
  row.full_image_version = full_image_version;
  if (change.type == ChangeType::Gap) changed |= raise(row.gap_version, change.version);
  changed |= merge_existence(row, change);
  return changed;
}

}  // namespace millrace::crm
