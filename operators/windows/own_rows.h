#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/core/store.h"

namespace millrace::operators {

/// Rows that a store of windows has beside those of its windows:
///
///     ff ff 'e', end, start, rest, trailer → nothing  one for each window, in the order of ends
///     ff ff 't', trailer → `WindowRows::State`        the operator's stream time, and more
///     ff ff 'c', trailer → a row 'e'                  no window up to it is still to be closed
///     ff ff 'f', trailer → a row 'e'                  no final result up to it is to be forwarded
///     ff ff 'x', trailer → a row 'e'                  no window up to it is still to be removed
///     ff ff 'h', trailer → two numbers                how much `Suppress` holds back
///     ff ff 'v', trailer → 8 bytes, big-endian        the history of a versioned table, in ms
///
/// Times have 8 bytes, big-endian; the trailer is a NUL and eight ff. No other row's key ends so,
/// because its last eight bytes are a number that is not negative. The rest is a window's key, or
/// whatever else an `EndOrder` needs to find a row again.
///
/// The rows 'e' follow from those of the windows (`DerivedRows`), so the changelog has none.
/// 'f' is behind 'e', so deferred work on a row 'e' comes before work on the mark.
enum class Mark : char {
  kTime = 't',
  kClosed = 'c',
  kForwarded = 'f',
  kRemoved = 'x',
  kHeld = 'h',
  kHistory = 'v',
};

bool is_own_row(Bytes key);
void make_mark_key(Mark mark, std::string& out);

/// A row 'e' in its parts; `rest` is a view into it.
struct ByEnd {
  int64_t end_ms = 0;
  int64_t start_ms = 0;
  Bytes rest;
};

/// Whether this is a row 'e'.
bool is_by_end(Bytes key);
/// Replaces `out`. REQUIRES: 0 <= start <= end.
void make_by_end(int64_t end_ms, int64_t start_ms, std::initializer_list<std::string_view> rest,
                 std::string& out);
/// Null: the row, which anybody may have written, is no row 'e'.
std::optional<ByEnd> read_by_end(Bytes key);
/// The key before which all rows 'e' are that end before `end_ms`.
void make_end_bound(int64_t end_ms, std::string& out);

/// Which row 'e' belongs to a row of a store, and which row to that.
struct EndOrder {
  /// Replaces `out` by the row 'e' of a row, whose key and value are valid; returns its end.
  int64_t (*make_key)(Bytes row, Bytes value, std::string& out);
  /// Replaces `row` by the key of the row that a row 'e' is of; returns its end. Null: it is none.
  std::optional<int64_t> (*read_key)(Bytes by_end, std::string& row);
};

/// The order of windows, whose rows 'e' have the key as rest, and those rows.
const EndOrder& windows_by_end();
const DerivedRows& rows_by_end();
int64_t make_end_key(Bytes windowed, std::string& out);
std::optional<int64_t> read_end_key(Bytes key, std::string& windowed);

}  // namespace millrace::operators
