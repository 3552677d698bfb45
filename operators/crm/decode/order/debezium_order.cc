#include "crm/decode/order/debezium_order.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "crm/decode/order/position_text.h"

namespace millrace::crm {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr int kDecimal = 10;
constexpr int kHex = 16;

/// How a snapshot's row stands to the streamed changes of the position at which it was read: the
/// position is the next one to stream, or the last one that the row has already seen.
enum Kind : uint64_t { kSnapshotBefore = 0, kStreamed = 1, kSnapshotAfter = 2 };

/// Empty when it is missing, null or no string.
std::string_view text_in(object members, std::string_view name) {
  std::string_view text;
  return members[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

std::optional<uint64_t> parse_number(std::string_view text, int base) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// A number, or a string of digits as some connectors write large ones.
std::optional<uint64_t> number_of(object members, std::string_view name) {
  uint64_t number = 0;
  if (members[name].get(number) == simdjson::SUCCESS) return number;
  return parse_number(text_in(members, name), kDecimal);
}

/// Numbers in hexadecimal between dots or colons, e.g. "00000027:00000a80:0001" and
/// " 0x0000a1.0000dd8c.0010 ".
class HexPlace {
 public:
  explicit HexPlace(std::string_view text) {
    text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
    text = text.substr(0, text.find_last_not_of(' ') + 1);
    if (text.starts_with("0x")) text.remove_prefix(2);
    while (is_whole_ && !text.empty()) {
      const size_t end = std::min(text.find_first_of(".:"), text.size());
      const auto part = parse_number(text.substr(0, end), kHex);
      is_whole_ = part.has_value() && count_ < parts_.size();
      if (is_whole_) parts_[count_++] = *part;
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  explicit operator bool() const { return is_whole_ && count_ > 0; }
  void add_to(PositionText& text) const {
    for (size_t i = 0; i < count_; ++i) text.add(parts_[i]);
  }

 private:
  std::array<uint64_t, 4> parts_{};
  size_t count_ = 0;
  bool is_whole_ = true;
};

/// The members of one event that tell its place.
class Event {
 public:
  Event(object envelope, object source, int64_t time_ms) : source_(source), time_ms_(time_ms) {
    object block;
    if (envelope["transaction"].get(block) == simdjson::SUCCESS) {
      order_ = number_of(block, "total_order").value_or(0);
      transaction_id_ = text_in(block, "id");
    }
    std::string_view op;
    is_snapshot_ =
        (envelope["op"].get(op) == simdjson::SUCCESS && op == "r") || has_snapshot_mark();
  }

  bool is_snapshot() const { return is_snapshot_; }
  /// See `may_follow`.
  bool is_unplaced() const {
    const auto [last_commit, place] = sequence();
    return !is_snapshot_ && !last_commit && place;
  }

  /// Appends the place; false: there is none.
  bool add_place(PositionText& text) const {
    return add_postgres(text) || add_binlog(text) || add_sql_server(text) || add_oracle(text) ||
           add_mongo(text);
  }

  /// The base name of binlog files, which tells servers apart; empty for other databases.
  std::string_view log_files() const {
    const std::string_view file = text_in(source_, "file");
    return file.substr(0, std::min(file.rfind('.'), file.size()));
  }

  /// A snapshot is no transaction of the database.
  std::string_view transaction(KeptTexts& texts) const {
    if (is_snapshot_) return {};
    element id;
    if (source_["txId"].get(id) == simdjson::SUCCESS && !id.is_object()) {
      if (const auto text = leaf_text(id, texts)) return *text;
    }
    for (const char* name : {"gtid", "commit_lsn"}) {
      if (const std::string_view text = text_in(source_, name); !text.empty()) return text;
    }
    return transaction_id_;
  }

 private:
  bool has_snapshot_mark() const {
    bool flag = false;
    if (source_["snapshot"].get(flag) == simdjson::SUCCESS) return flag;
    const std::string_view mark = text_in(source_, "snapshot");
    return !mark.empty() && mark != "false";
  }

  Kind kind(Kind snapshot) const { return is_snapshot_ ? snapshot : kStreamed; }

  /// A transaction's changes have positions from before its commit, and a snapshot in between does
  /// not see them. The commit before it, which the event names, is a bound from below for the
  /// commit itself. The changes of one row follow each other by both.
  ///
  /// A row of an incremental snapshot has no `lsn`. Its `sequence` names the end of the window in
  /// which the connector read it: it dropped the rows that changed in the window.
  bool add_postgres(PositionText& text) const {
    const auto [last_commit, place] = sequence();
    const auto own = number_of(source_, "lsn");
    const auto lsn = own ? own : place;
    if (!lsn) return false;
    text.add(std::max(*lsn, last_commit.value_or(0))).add(kind(kSnapshotBefore));
    text.add(*lsn).add(order_);
    return true;
  }

  /// The two numbers of `sequence`, e.g. `["24023119","24023128"]` or `[null,"24023128"]`.
  std::pair<std::optional<uint64_t>, std::optional<uint64_t>> sequence() const {
    const std::string_view text = text_in(source_, "sequence");
    const size_t comma = text.find(',');
    if (comma == std::string_view::npos || !text.starts_with('[') || !text.ends_with(']')) {
      return {};
    }
    const auto number = [](std::string_view quoted) -> std::optional<uint64_t> {
      if (quoted.size() < 2 || !quoted.starts_with('"') || !quoted.ends_with('"')) return {};
      return parse_number(quoted.substr(1, quoted.size() - 2), kDecimal);
    };
    return {number(text.substr(1, comma - 1)),
            number(text.substr(comma + 1, text.size() - comma - 2))};
  }

  /// MySQL and MariaDB: the number at the end of "mysql-bin.000003", the position in that file, and
  /// the row of an event of several rows.
  bool add_binlog(PositionText& text) const {
    const std::string_view file = text_in(source_, "file");
    const auto number = parse_number(file.substr(file.rfind('.') + 1), kDecimal);
    const auto position = number_of(source_, "pos");
    if (!number || !position) return false;
    text.add(*number).add(*position).add(kind(kSnapshotBefore)).add(order_);
    text.add(number_of(source_, "row").value_or(0));
    return true;
  }

  bool add_sql_server(PositionText& text) const {
    const HexPlace change(text_in(source_, "change_lsn"));
    const HexPlace commit(text_in(source_, "commit_lsn"));
    if (!commit && !change) return false;
    (commit ? commit : change).add_to(text);
    text.add(kind(kSnapshotAfter));
    change.add_to(text);
    text.add(number_of(source_, "event_serial_no").value_or(0));
    return true;
  }

  bool add_oracle(PositionText& text) const {
    const auto scn = number_of(source_, "scn");
    if (!scn) return false;
    const auto commit = is_snapshot_ ? scn : number_of(source_, "commit_scn");
    text.add(commit.value_or(*scn)).add(kind(kSnapshotAfter)).add(*scn);
    HexPlace(text_in(source_, "rs_id")).add_to(text);
    text.add(number_of(source_, "ssn").value_or(0)).add(order_);
    return true;
  }

  bool add_mongo(PositionText& text) const {
    constexpr int64_t kMsOfSecond = 1000;
    const auto ordinal = number_of(source_, "ord");
    if (!ordinal) return false;
    text.add(static_cast<uint64_t>(time_ms_ / kMsOfSecond)).add(*ordinal);
    text.add(kind(kSnapshotAfter)).add(order_);
    return true;
  }

  object source_;
  int64_t time_ms_;
  uint64_t order_ = 0;  ///< in the transaction; 0: not told
  std::string_view transaction_id_{};
  bool is_snapshot_ = false;
};

}  // namespace

SnapshotMark snapshot_mark(object source) {
  const std::string_view mark = text_in(source, "snapshot");
  if (mark == "first" || mark == "first_in_data_collection") return SnapshotMark::kFirst;
  if (mark == "last_in_data_collection") return SnapshotMark::kLast;
  return mark == "last" ? SnapshotMark::kLastOfAll : SnapshotMark::kNone;
}

VersionView debezium_version(object envelope, object source, int64_t time_ms,
                             const TopicMapping& mapping, KeptTexts& texts) {
  const Event event(envelope, source, time_ms);
  VersionView version{.commit_timestamp_ms = time_ms,
                      .sequence_number = 0,
                      .transaction_key = event.transaction(texts)};
  PositionText position;
  position.add(log_number(mapping.log_starts, time_ms));
  if (!event.add_place(position)) return version;
  std::string log = mapping.source;
  for (const std::string_view part : {text_in(source, "name"), event.log_files()}) {
    if (!part.empty()) log.append(1, '/').append(part);
  }
  version.log = texts.keep(std::move(log));
  version.position = texts.keep(position.take());
  if (event.is_unplaced()) version.sequence_number = kUnplacedSequence;
  return version;
}

}  // namespace millrace::crm
