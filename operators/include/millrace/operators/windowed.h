#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/core/serde.h"
#include "millrace/operators/detail/windowed_bytes.h"

namespace millrace {

/// A window of a key, as user functions receive it.
template <class K>
struct WindowedView {
  ViewOf<K> key;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
};

/// A key in one of its windows: the key of a windowed aggregate's rows.
///
/// Times are ms since 1970-01-01 UTC. A time window has the records from its start until before its
/// end; a sliding window and a session those at its end, too.
///
/// Its bytes are those of the key, a NUL, and start and end with 8 bytes each, big-endian. So rows
/// are in the order of the keys' bytes, then of time: a scan of one key finds its windows in the
/// order of time, also between those of a longer key that continues with a NUL. The key's bytes
/// alone decide about the partition.
/// In a `TypedStore`, `range(Windowed<K>(key, from, from), Windowed<K>(key, to, to))` visits the
/// windows of a key with from <= start < to.
///
/// No window begins before 1970 or ends before it begins: the encoding of such a key throws
/// `std::invalid_argument`. So a range from some time before a record's begins at 0 at the least.
template <class K>
struct Windowed {
  OwnedOf<K> key{};
  int64_t start_ms = 0;
  int64_t end_ms = 0;

  Windowed() = default;
  Windowed(OwnedOf<K> of_key, int64_t from_ms, int64_t to_ms)
      : key(std::move(of_key)), start_ms(from_ms), end_ms(to_ms) {}
  explicit Windowed(const WindowedView<K>& view)
      : key(OwnedOf<K>(view.key)), start_ms(view.start_ms), end_ms(view.end_ms) {}

  friend bool operator==(const Windowed&, const Windowed&) = default;
};

template <class K>
struct Serde<Windowed<K>> {
  using View = WindowedView<K>;
  using Owned = Windowed<K>;
  static std::string_view name() {
    static const std::string name = "windowed<" + std::string(type_name()) + ">";
    return name;
  }
  static Status validate(Bytes bytes) {
    MILLRACE_RETURN_IF_ERROR(operators::validate_windowed(bytes));
    return validate_as<K>(operators::key_of_windowed(bytes));
  }
  static View view(Bytes bytes) {
    const operators::WindowedBytes parts = operators::decode_windowed(bytes);
    return {view_of<K>(parts.key), parts.start_ms, parts.end_ms};
  }
  static void encode(const Owned& value, std::string& out) {
    if (value.start_ms < 0 || value.end_ms < value.start_ms) {
      throw std::invalid_argument("a window begins before 1970 or ends before it begins");
    }
    encode_as<K>(value.key, out);
    operators::append_window(value.start_ms, value.end_ms, out);
  }
  /// Rows of other keys in a store of windows are the operator's own.
  static bool is_row(Bytes bytes) { return operators::is_windowed(bytes); }
  static Bytes partition_key(Bytes bytes) { return operators::key_of_windowed(bytes); }
  static Status write_json(Bytes bytes, std::string& out) requires HasJson<K> {
    const operators::WindowedBytes parts = operators::decode_windowed(bytes);
    out += R"({"key":)";
    MILLRACE_RETURN_IF_ERROR(Serde<K>::write_json(parts.key, out));
    out += R"(,"start_ms":)" + std::to_string(parts.start_ms);
    out += R"(,"end_ms":)" + std::to_string(parts.end_ms) + '}';
    return {};
  }

 private:
  static std::string_view type_name() {
    if constexpr (NeedsSerde<K>::kIsThere) {
      return Serde<K>::name();
    } else {
      return {};
    }
  }
};

}  // namespace millrace
