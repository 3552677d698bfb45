#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "millrace/core/processor.h"
#include "millrace/operators/detail/encoded.h"

namespace millrace {
namespace operators {

/// The byte core of `Emit`: forwards records to a range of the node's children.
class RawEmit {
 public:
  /// `answered` must outlive this: its timestamp and headers go with every emitted record.
  explicit RawEmit(const Record& answered) : answered_(&answered) {}

  /// To all children from the `first` on.
  void bind(ProcessorContext& context, size_t first = 0);
  /// To the `child`-th alone.
  void bind_to(ProcessorContext& context, size_t child);

  void forward(Bytes key, Bytes value) const { forward_at(key, value, answered_->timestamp_ms); }
  void forward_at(Bytes key, Bytes value, int64_t timestamp_ms) const;
  void forward(const Record& record) const;
  ProcessorContext& context() const { return *context_; }

 private:
  const Record* answered_;
  ProcessorContext* context_ = nullptr;
  size_t first_ = 0;
  size_t last_ = 0;  ///< one past the last
};

}  // namespace operators

/// Emits records of types `K` and `V` from `flat_map` and `process`: each passes all operators that
/// follow before the call returns. Timestamp (unless given) and headers are the input
/// record's.
template <class K, class V>
class Emit {
  static_assert(sizeof(NeedsSerde<K>) > 0 && sizeof(NeedsSerde<V>) > 0);

 public:
  /// The buffers must outlive this; keeping them between records avoids allocations.
  Emit(const operators::RawEmit& raw, std::string& key_buffer, std::string& value_buffer)
      : raw_(raw), key_(key_buffer), value_(value_buffer) {}

  /// Takes each as `OwnedOf` or, for text and raw bytes, as a view; a value `std::nullopt` is null.
  template <class Key, class Value>
  void operator()(const Key& key, const Value& value) {
    raw_.forward(encoded_key(key), encoded_value(value));
  }
  template <class Key, class Value>
  void operator()(const Key& key, const Value& value, int64_t timestamp_ms) {
    raw_.forward_at(encoded_key(key), encoded_value(value), timestamp_ms);
  }
  /// With these headers instead of the input record's; their bytes need to live for the call.
  template <class Key, class Value>
  void operator()(const Key& key, const Value& value, int64_t timestamp_ms,
                  std::span<const Header> headers) {
    raw_.forward({encoded_key(key), encoded_value(value), {}, timestamp_ms, headers});
  }
  template <class Key>
  void tombstone(const Key& key) {
    raw_.forward(encoded_key(key), Bytes());
  }
  /// Bytes that are valid for the types, e.g. the key of the input as it is.
  void bytes(Bytes key, Bytes value) { raw_.forward(key, value); }
  void bytes(Bytes key, Bytes value, int64_t timestamp_ms) {
    raw_.forward_at(key, value, timestamp_ms);
  }
  /// A whole record of such bytes, with its own timestamp and headers. A processor that keeps a
  /// table says with `old_value` what the record replaces; processors behind it see that, and the
  /// methods of `Stream` do not look at it.
  void record(const Record& record) { raw_.forward(record); }
  ProcessorContext& context() const { return raw_.context(); }

 private:
  template <class Key>
  Bytes encoded_key(const Key& key) {
    static_assert(!operators::IsOptional<Key>::value, "an emitted record needs a key");
    operators::encode_to<K>(key, key_);
    return Bytes(key_);
  }
  template <class Value>
  Bytes encoded_value(const Value& value) {
    return operators::encode_to<V>(value, value_) ? Bytes(value_) : Bytes();
  }

  const operators::RawEmit& raw_;
  std::string& key_;
  std::string& value_;
};

/// Emits values of type `V` from `flat_map_values` and `process_values`, each with the key of the
/// input record, null if that is null. Otherwise as `Emit`.
template <class V>
class EmitValues {
  static_assert(sizeof(NeedsSerde<V>) > 0);

 public:
  /// `raw`, the bytes of `key` and the buffer must outlive this.
  EmitValues(const operators::RawEmit& raw, Bytes key, std::string& value_buffer)
      : raw_(raw), key_(key), value_(value_buffer) {}

  template <class Value>
  void operator()(const Value& value) {
    raw_.forward(key_, encoded_value(value));
  }
  template <class Value>
  void operator()(const Value& value, int64_t timestamp_ms) {
    raw_.forward_at(key_, encoded_value(value), timestamp_ms);
  }
  template <class Value>
  void operator()(const Value& value, int64_t timestamp_ms, std::span<const Header> headers) {
    raw_.forward({key_, encoded_value(value), {}, timestamp_ms, headers});
  }
  void tombstone() { raw_.forward(key_, Bytes()); }
  /// Bytes that are valid for the type.
  void bytes(Bytes value) { raw_.forward(key_, value); }
  ProcessorContext& context() const { return raw_.context(); }

 private:
  template <class Value>
  Bytes encoded_value(const Value& value) {
    return operators::encode_to<V>(value, value_) ? Bytes(value_) : Bytes();
  }

  const operators::RawEmit& raw_;
  Bytes key_;
  std::string& value_;
};

}  // namespace millrace
