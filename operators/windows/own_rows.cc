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
constexpr size_t kRestBegin = kTimesBegin + 2 * kEndBytes;

}  // namespace

bool is_own_row(Bytes key) {
  return key.size() > kPrefix.size() + kTrailer.size() && key.view().starts_with(kPrefix) &&
         key.view().ends_with(kTrailer);
}

void make_mark_key(Mark mark, std::string& out) {
  out = kPrefix;
  out += static_cast<char>(mark);
  out += kTrailer;
}

bool is_by_end(Bytes key) {
  return is_own_row(key) && key.view()[kPrefix.size()] == kByEnd;
}

void make_by_end(int64_t end_ms, int64_t start_ms, std::initializer_list<std::string_view> rest,
                 std::string& out) {
  make_end_bound(end_ms, out);
  Serde<int64_t>::encode(start_ms, out);
  for (const std::string_view part : rest) out += part;
  out += kTrailer;
}

std::optional<ByEnd> read_by_end(Bytes key) {
  if (!is_by_end(key) || key.size() < kRestBegin + kTrailer.size()) return std::nullopt;
  const auto time_at = [&](size_t offset) {
    return Serde<int64_t>::view(Bytes(key.data() + offset, kEndBytes));
  };
  const ByEnd parts{time_at(kTimesBegin), time_at(kTimesBegin + kEndBytes),
                    Bytes(key.data() + kRestBegin, key.size() - kRestBegin - kTrailer.size())};
  if (parts.start_ms < 0 || parts.end_ms < parts.start_ms || parts.end_ms > kWindowEndMaxMs) {
    return std::nullopt;
  }
  return parts;
}

void make_end_bound(int64_t end_ms, std::string& out) {
  out = kPrefix;
  out += kByEnd;
  Serde<int64_t>::encode(end_ms, out);
}

const EndOrder& windows_by_end() {
  static constexpr EndOrder order{
      [](Bytes row, Bytes /*value*/, std::string& out) { return make_end_key(row, out); },
      &read_end_key};
  return order;
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

int64_t make_end_key(Bytes windowed, std::string& out) {
  const WindowedBytes parts = decode_windowed(windowed);
  make_by_end(parts.end_ms, parts.start_ms, {parts.key.view()}, out);
  return parts.end_ms;
}

std::optional<int64_t> read_end_key(Bytes key, std::string& windowed) {
  const std::optional<ByEnd> parts = read_by_end(key);
  if (!parts) return std::nullopt;
  windowed = parts->rest.view();
  append_window(parts->start_ms, parts->end_ms, windowed);
  return parts->end_ms;
}

}  // namespace millrace::operators
