#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "crm/decode/change.h"
#include "crm/decode/mapping.h"

namespace millrace::crm {

/// What one record of a topic says.
struct Decoded {
  std::span<const Change> changes{};
  /// Why a record that is well-formed says nothing: "unknown_entity" (the mapping has no such
  /// entity), "message" (a note in a database's log) or "null_value". Empty when there are changes.
  std::string_view skipped{};
};

/// Bytes of one format in, changes out. Keeps buffers from record to record and nothing else: what
/// comes out is a function of the bytes. Not thread-safe; one object a task.
class Decoder {
 public:
  Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  virtual ~Decoder() = default;

  /// REQUIRES: !value.is_null(); of FlatBuffers: 8-byte aligned.
  ///
  /// Error: `kInvalidRecord`; the message begins with "byte <offset>: " and names the place and the
  /// fault, never a value. All of the record is refused then, also what was well-formed.
  virtual Result<Decoded> decode(Bytes value) = 0;
};

/// The decoder of the topic's format. `mapping` must outlive it.
std::unique_ptr<Decoder> make_decoder(const TopicMapping& mapping);

}  // namespace millrace::crm
