#pragma once

#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include <flatbuffers/flatbuffers.h>

#include "millrace/core/bytes.h"
#include "millrace/core/flat_schema.h"
#include "millrace/core/json_text.h"
#include "millrace/core/result.h"

namespace millrace {

/// Converts values of `T` to bytes and back. Specialise it for your own types with:
///
///     using View  = …;                                  // what user functions receive
///     using Owned = …;                                  // what user functions return
///     static std::string_view name();                   // of the type, for errors and describe()
///     static Status validate(Bytes bytes);              // once, where a record enters
///     static View view(Bytes bytes);                    // REQUIRES: validated bytes
///     static void encode(const Owned& value, std::string& out);  // appends
///
/// and, if rows in stores are to be readable as JSON, also with:
///
///     static Status write_json(Bytes bytes, std::string& out);  // appends one value. REQUIRES:
///                                                               // validated bytes
///
/// and, if only a part of a key decides about its partition, also with:
///
///     static Bytes partition_key(Bytes bytes);  // a view of that part, of any bytes
///
/// and, if operators keep other rows among those of such keys, also with:
///
///     static bool is_row(Bytes bytes);  // whether a row's key is of the type
///
/// Between operators records stay bytes, so `view` should be cheap; `bytes` are 8-byte aligned.
template <class T>
struct Serde;

template <class T>
concept HasSerde = requires(Bytes bytes, const typename Serde<T>::Owned& owned, std::string& out) {
  typename Serde<T>::View;
  { Serde<T>::name() } -> std::convertible_to<std::string_view>;
  { Serde<T>::validate(bytes) } -> std::same_as<Status>;
  { Serde<T>::view(bytes) } -> std::same_as<typename Serde<T>::View>;
  {Serde<T>::encode(owned, out)};
};

/// A serde whose values can be shown as JSON.
template <class T>
concept HasJson = HasSerde<T> && requires(Bytes bytes, std::string& out) {
  { Serde<T>::write_json(bytes, out) } -> std::same_as<Status>;
};

/// A serde of keys of which a part decides about the partition.
template <class T>
concept HasPartitionKey = HasSerde<T> && requires(Bytes bytes) {
  { Serde<T>::partition_key(bytes) } -> std::same_as<Bytes>;
};

/// Refuses a `T` without a serde, once per type and in one sentence; all other uses of `T` then
/// compile, so that nothing follows that sentence.
template <class T>
struct NeedsSerde {
  static constexpr bool kIsThere = HasSerde<T>;
  static_assert(
      kIsThere,
      "this type has no millrace::Serde: specialise it (see millrace/core/serde.h); where "
      "a function returns it, return OwnedOf<T> of a type T that has one, or name T in "
      "the call, e.g. map_values<T>(...)");
};

namespace serde {

/// A type without a serde stands for itself, so that code about it compiles; see `NeedsSerde`.
template <class T>
struct Types {
  using View = std::add_lvalue_reference_t<const T>;
  using Owned = T;
};
template <HasSerde T>
struct Types<T> {
  using View = typename Serde<T>::View;
  using Owned = typename Serde<T>::Owned;
};

}  // namespace serde

template <class T>
using ViewOf = typename serde::Types<T>::View;
template <class T>
using OwnedOf = typename serde::Types<T>::Owned;

/// Error: `kInvalidRecord`.
template <class T>
Status validate_as(Bytes bytes) {
  if constexpr (NeedsSerde<T>::kIsThere) {
    return Serde<T>::validate(bytes);
  } else {
    return {};
  }
}

/// REQUIRES: bytes that `validate_as` accepts. The view lives as long as they do.
template <class T>
ViewOf<T> view_of(Bytes bytes) {
  if constexpr (NeedsSerde<T>::kIsThere) {
    return Serde<T>::view(bytes);
  } else {
    std::abort();
  }
}

/// Appends to `out`.
template <class T>
void encode_as(const OwnedOf<T>& value, std::string& out) {
  if constexpr (NeedsSerde<T>::kIsThere) Serde<T>::encode(value, out);
}

/// Any bytes, unconverted.
struct RawBytes {};

template <>
struct Serde<RawBytes> {
  using View = Bytes;
  using Owned = std::string;
  static std::string_view name() { return "bytes"; }
  static Status validate(Bytes) { return {}; }
  static View view(Bytes bytes) { return bytes; }
  static void encode(const Owned& value, std::string& out) { out += value; }
};

/// UTF-8 text, unchecked.
template <>
struct Serde<std::string> {
  using View = std::string_view;
  using Owned = std::string;
  static std::string_view name() { return "string"; }
  static Status validate(Bytes) { return {}; }
  static View view(Bytes bytes) { return bytes.view(); }
  static void encode(const Owned& value, std::string& out) { out += value; }
  static Status write_json(Bytes bytes, std::string& out) { return append_json_text(bytes, out); }
};

/// Big-endian two's complement of the type's width, as Java's LongSerializer and IntegerSerializer.
template <class T>
requires(std::same_as<T, int64_t> || std::same_as<T, int32_t>) struct Serde<T> {
  using View = T;
  using Owned = T;
  static std::string_view name() { return sizeof(T) == 8 ? "int64" : "int32"; }
  static Status validate(Bytes bytes) {
    if (bytes.size() == sizeof(T)) return {};
    return Error{ErrorCode::kInvalidRecord,
                 std::to_string(bytes.size()) + " bytes are not an " + std::string(name())};
  }
  static View view(Bytes bytes) {
    std::make_unsigned_t<T> value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) value = (value << 8) | bytes.bytes()[i];
    return static_cast<T>(value);
  }
  static void encode(const Owned& value, std::string& out) {
    const auto bits = static_cast<std::make_unsigned_t<T>>(value);
    for (size_t i = sizeof(T); i-- > 0;) out.push_back(static_cast<char>((bits >> (8 * i)) & 0xff));
  }
  static Status write_json(Bytes bytes, std::string& out) {
    out += std::to_string(view(bytes));
    return {};
  }
};

/// An owned FlatBuffer with root table `Table`. Copies are deep.
template <class Table>
class Flat {
 public:
  /// Copies the buffer that `builder` finished.
  explicit Flat(const flatbuffers::FlatBufferBuilder& builder)
      : bytes_(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()) {}
  /// Packs an object of the object API.
  template <class Object>
  requires requires(flatbuffers::FlatBufferBuilder& b, const Object& o) { Table::Pack(b, &o); }
  explicit Flat(const Object& object) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(Table::Pack(builder, &object));
    bytes_.assign(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  }
  /// Copies the buffer `bytes`. REQUIRES: it holds a verified `Table`.
  static Flat copy_of(Bytes bytes) { return Flat(bytes.to_string()); }

  const Table& operator*() const { return *flatbuffers::GetRoot<Table>(bytes_.data()); }
  const Table* operator->() const { return flatbuffers::GetRoot<Table>(bytes_.data()); }
  const std::string& bytes() const { return bytes_; }

 private:
  explicit Flat(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string bytes_;
};

/// FlatBuffers tables: verified where a record enters, then read in place. As JSON only if their
/// header comes from `millrace_add_schemas`.
template <class Table>
requires std::is_base_of_v<flatbuffers::Table, Table>  // generated code inherits privately
struct Serde<Table> {
  using View = const Table&;
  using Owned = Flat<Table>;
  static std::string_view name() { return Table::GetFullyQualifiedName(); }
  static Status validate(Bytes bytes) {
    flatbuffers::Verifier verifier(bytes.bytes(), bytes.size());
    if (verifier.VerifyBuffer<Table>(nullptr)) return {};
    return Error{ErrorCode::kInvalidRecord,
                 std::to_string(bytes.size()) + " bytes are not a valid " + std::string(name())};
  }
  static View view(Bytes bytes) { return *flatbuffers::GetRoot<Table>(bytes.data()); }
  static void encode(const Owned& value, std::string& out) { out += value.bytes(); }
  static Status write_json(Bytes bytes, std::string& out) requires HasBinarySchema<Table> {
    static const FlatSchema schema(BinarySchema<Table>::kBytes, Table::GetFullyQualifiedName());
    return schema.write_json(bytes, out);
  }
};

}  // namespace millrace
