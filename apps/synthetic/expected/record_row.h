#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/synthetic/event.h"

namespace millrace::apps::synthetic {

/// Fields by our names, as texts; references as internal ids, long texts shortened.
using FieldTexts = std::map<std::string, std::optional<std::string>>;

/// A value as rows have it.
std::optional<std::string> our_value(const FieldText& field);

/// One record by a set of its changes: field by field the newest value, unless a newer full image
/// left the field out.
class RecordRow {
 public:
  void add(const RecordChange& change);

  bool is_live() const { return existence_ && !is_deleted_; }
  bool is_deleted() const { return existence_ && is_deleted_; }
  /// Whether it has a gap that no full image has closed.
  bool is_incomplete() const { return gap_ > full_image_; }
  FieldTexts fields() const;
  /// Empty values count as none.
  std::optional<std::string> text(std::string_view name) const;
  /// Version of the change that set the field. REQUIRES: it has a text.
  EventVersion since(std::string_view name) const;

 private:
  struct Field {
    const FieldDefinition* definition = nullptr;
    EventVersion version;
    std::optional<std::string> value;
  };
  const Field* find(std::string_view name) const;
  bool is_there(const Field& field) const { return !full_image_ || field.version >= *full_image_; }

  std::optional<EventVersion> existence_;
  bool is_deleted_ = false;
  std::optional<EventVersion> full_image_;
  std::optional<EventVersion> gap_;
  std::vector<Field> fields_;  ///< every field that any change had
};

}  // namespace millrace::apps::synthetic
