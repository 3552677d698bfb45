#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "crm/decode/change.h"
#include "crm/mapping/mapping.h"
#include "crm/model/whole_table.h"

namespace millrace::crm {

/// The changes of one table in a transaction.
struct TableCount {
  std::string_view table;  ///< as the source calls it, maybe with the database in front
  uint64_t events = 0;
};

/// A transaction as its source calls it, and the changes that it made. Views die with the decoder's
/// next `decode`.
struct TransactionEnd {
  std::string_view id{};  ///< empty: there is none
  std::span<const TableCount> tables{};
};

/// The place of a record in a load of its entity.
struct LoadPart {
  LoadMark mark = LoadMark::kNone;
  const EntityMapping* entity = nullptr;  ///< null: of no load
  VersionView version{};                  ///< of all records of the load
  uint64_t rows = 0;                      ///< in this record; of the last mark, in the load
};

/// The contents of one record of a topic.
struct Decoded {
  std::span<const Change> changes{};
  /// The reason why a well-formed record has no changes: "unknown_entity" (the mapping has no such
  /// entity), "message" (a note in a database's log), "null_value", "load_mark", or one of
  /// `debezium_noise`.
  /// Empty when there are changes.
  std::string_view skipped{};
  /// The source's name of the entity, if the record has one.
  std::string_view entity_name{};
  /// Of a "transaction_marker" that ends a transaction.
  TransactionEnd transaction_end{};
  /// Where the change, the only one, lies in a snapshot.
  SnapshotMark snapshot = SnapshotMark::kNone;
  LoadPart load{};
  /// Values of fields that were refused.
  std::span<const FieldRefusal> refusals{};
  /// The source's names of mapped fields that no record of the entity had so far. Filled once an
  /// entity, when enough of its records came to say so.
  std::span<const std::string_view> absent_fields{};
};

/// Turns bytes of one format into changes. Keeps only buffers from record to record: the output is
/// a function of the bytes. Not thread-safe; one object per task.
class Decoder {
 public:
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;

  /// `key`: of the Kafka record, or null. Only MongoDB's events need it, and only for their id when
  /// they have no document. REQUIRES: !value.is_null(); FlatBuffers are 8-byte aligned.
  ///
  /// Error: `kInvalidRecord`; the message begins with "byte <offset>: " and names the place and the
  /// fault, never a value. The whole record is refused then, also its well-formed parts.
  virtual Result<Decoded> decode(Bytes value, Bytes key) = 0;
  Result<Decoded> decode(Bytes value) { return decode(value, {}); }
};

/// The decoder of the topic's format. `mapping` must outlive it.
std::unique_ptr<Decoder> make_decoder(const TopicMapping& mapping);

}  // namespace millrace::crm
