#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "millrace/core/store.h"

namespace millrace::operators {

/// Rows that a store of windows has beside those of its windows:
///
///     ff ff 'e', end, start, key, trailer → nothing   one for each window, in the order of ends
///     ff ff 't', trailer → `WindowRows::State`        the operator's stream time, and more
///     ff ff 'c', trailer → a row 'e'                  no window up to it is still to be closed
///     ff ff 'f', trailer → a row 'e'                  no final result up to it is to be forwarded
///     ff ff 'x', trailer → a row 'e'                  no window up to it is still to be removed
///
/// Times have 8 bytes, big-endian; the trailer is a NUL and eight ff. No key with a window ends so,
/// because its last eight bytes are a time that is not negative.
///
/// The rows 'e' follow from those of the windows (`DerivedRows`), so the changelog has none.
/// 'f' is behind 'e', so deferred work on a row 'e' comes before work on the mark.
enum class Mark : char { kTime = 't', kClosed = 'c', kForwarded = 'f', kRemoved = 'x' };

bool is_own_row(Bytes key);
/// The rows 'e'.
const DerivedRows& rows_by_end();

void make_mark_key(Mark mark, std::string& out);
/// The row 'e' of a window, whose key is valid.
void make_end_key(Bytes windowed, std::string& out);
/// The key before which all rows 'e' of windows are that end before `end_ms`.
void make_end_bound(int64_t end_ms, std::string& out);
/// Replaces `windowed` by the key of the window that a row 'e' is of; returns its end. Null: the
/// row, which anybody may have written, is none.
std::optional<int64_t> read_end_key(Bytes key, std::string& windowed);

}  // namespace millrace::operators
