#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "crm/decode/field_list.h"
#include "crm/decode/json_document.h"
#include "crm/decode/json_fields.h"

namespace millrace::crm {

/// Reads `updateDescription` of Debezium's connector for MongoDB: the fields that an update set or
/// removed, by dotted names. Source: "Data change events" in its documentation.
///
/// A field that was set to an object loses the parts that the object does not name. A change inside
/// an array leaves the array's value unknown, and so does an array that was cut: the event does not
/// tell the rest of it.
class MongoUpdate {
 public:
  /// All must outlive this.
  MongoUpdate(const JsonDocument& document, LeafReader& leaf_reader, FieldList& fields)
      : document_(document), leaf_reader_(leaf_reader), fields_(fields) {}

  /// Adds the fields; `place` is the description's in the document. Call `FieldList::finish`
  /// afterwards. Texts live until the next call. Error: `kInvalidRecord`.
  Status read(simdjson::dom::object description, const JsonPlace& place,
              const EntityMapping& entity);

 private:
  Status read_updated(simdjson::dom::object updated, const JsonPlace& place);
  Status read_removed(simdjson::dom::object description, const JsonPlace& place);
  Status read_truncated(simdjson::dom::object description, const JsonPlace& place);
  Status add_null_whole(std::string_view name, const JsonPlace& place);
  Status add(const JsonLeaf& leaf, const JsonPlace& place);

  const JsonDocument& document_;
  LeafReader& leaf_reader_;
  FieldList& fields_;
  JsonDocument updated_;
  const EntityMapping* entity_ = nullptr;
  std::vector<JsonLeaf> leaves_;
};

/// The object that `value` is, or that it holds as JSON text, as MongoDB's connector writes
/// documents; `text` keeps the latter. `place` is the value's in `document`. Error:
/// `kInvalidRecord`.
Result<simdjson::dom::object> object_or_text(simdjson::dom::element value,
                                             const JsonDocument& document, const JsonPlace& place,
                                             JsonDocument& text);

/// The document's id in a record's key, `{"id": "{\"$oid\": …}"}`, with or without a schema.
/// Texts live in both documents. nullopt: the key is not of that form.
std::optional<simdjson::dom::element> mongo_id_in(Bytes key, JsonDocument& document,
                                                  JsonDocument& text);

}  // namespace millrace::crm
