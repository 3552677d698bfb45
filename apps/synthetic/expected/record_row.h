#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "synthetic/event.h"

namespace millrace::apps::synthetic {

/// What a set of changes makes of one record: field by field the newest value, unless a newer full
/// image left the field out.
class RecordRow {
 public:
  void add(const RecordChange& change);

  bool is_live() const { return existence_ && !is_deleted_; }
  bool is_deleted() const { return existence_ && is_deleted_; }
  /// A gap that no full image has closed.
  bool is_incomplete() const { return gap_ > full_image_; }
  /// By our names, as texts; references as internal ids, long texts shortened.
  std::map<std::string, std::optional<std::string>> fields() const;
  /// Empty values count as none.
  std::optional<std::string> text(std::string_view name) const;

 private:
  struct Field {
    EventVersion version;
    std::optional<std::string> value;
  };
  bool is_there(const Field& field) const { return !full_image_ || field.version >= *full_image_; }

  std::optional<EventVersion> existence_;
  bool is_deleted_ = false;
  std::optional<EventVersion> full_image_;
  std::optional<EventVersion> gap_;
  std::map<std::string_view, Field> fields_;  ///< by our name
};

}  // namespace millrace::apps::synthetic
