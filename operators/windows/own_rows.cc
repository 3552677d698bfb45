#include "operators/windows/own_rows.h"

#include <string_view>

#include "millrace/core/serde.h"
#include "millrace/operators/detail/windowed_bytes.h"

namespace millrace::operators {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kPrefix = "\xff\xff"sv;
constexpr std::string_view kTrailer = "\0\xff\xff\xff\xff\xff\xff\xff\xff"sv;
constexpr char kByEnd = 'e';
constexpr size_t kEndBytes = sizeof(int64_t);
constexpr size_t kTimesBegin = kPrefix.size() + 1;
constexpr size_t kKeyBegin = kTimesBegin + 2 * kEndBytes;

bool is_by_end(Bytes key) {
  return is_own_row(key) && key.view()[kPrefix.size()] == kByEnd;
}

}  // namespace

bool is_own_row(Bytes key) {
  return key.size() > kPrefix.size() + kTrailer.size() && key.view().starts_with(kPrefix) &&
         key.view().ends_with(kTrailer);
}

const DerivedRows& rows_by_end() {
  static const DerivedRows rows{
      .is_derived = &is_by_end,
      .derive = [](Bytes key, Bytes /*value*/, const DerivedRows::Add& add) {
        if (is_own_row(key) || !is_windowed(key)) return;
        std::string by_end;
        make_end_key(key, by_end);
        add(Bytes(by_end), Bytes(""));
      }};
  return rows;
}

void make_mark_key(Mark mark, std::string& out) {
  out = kPrefix;
  out += static_cast<char>(mark);
  out += kTrailer;
}

void make_end_key(Bytes windowed, std::string& out) {
  const WindowedBytes parts = decode_windowed(windowed);
  make_end_bound(parts.end_ms, out);
  Serde<int64_t>::encode(parts.start_ms, out);
  out += parts.key.view();
  out += kTrailer;
}

void make_end_bound(int64_t end_ms, std::string& out) {
  out = kPrefix;
  out += kByEnd;
  Serde<int64_t>::encode(end_ms, out);
}

std::optional<int64_t> read_end_key(Bytes key, std::string& windowed) {
  if (!is_by_end(key) || key.size() < kKeyBegin + kTrailer.size()) return std::nullopt;
  const auto time_at = [&](size_t offset) {
    return Serde<int64_t>::view(Bytes(key.data() + offset, kEndBytes));
  };
  const int64_t end_ms = time_at(kTimesBegin);
  const int64_t start_ms = time_at(kTimesBegin + kEndBytes);
  if (start_ms < 0 || end_ms < start_ms || end_ms > kWindowEndMaxMs) return std::nullopt;
  windowed = key.view().substr(kKeyBegin, key.size() - kKeyBegin - kTrailer.size());
  append_window(start_ms, end_ms, windowed);
  return end_ms;
}

}  // namespace millrace::operators
