#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/invalid_record.h"
#include "millrace/core/serde.h"
#include "millrace/operators/detail/versioned/buffered_codec.h"
#include "millrace/operators/detail/versioned/table_joins.h"

#include "operators/joined_record.h"
#include "operators/null_rules.h"
#include "operators/versioned/buffer_order.h"
#include "operators/windows/window_rows.h"

namespace millrace::operators {
namespace {

/// How often records are looked after whose time has come when no record comes.
constexpr int64_t kReleaseIntervalMs = 100;

/// A record that is joined, as the key of a call: so calls come in the order of times and arrival.
/// The row is null where there is none.
struct JoinCall {
  int64_t time_ms = 0;
  uint64_t sequence = 0;
  Bytes key{};
  Bytes row{};
  bool is_looked_up = true;  ///< or `row` is still to be found
  Bytes buffered{};          ///< value and headers, see `encode_buffered`
};

constexpr size_t kCallWord = sizeof(int64_t);
constexpr int64_t kNoRow = -1;
constexpr int64_t kNotLookedUp = -2;

int64_t size_of_row(const JoinCall& call) {
  if (!call.is_looked_up) return kNotLookedUp;
  return call.row.is_null() ? kNoRow : static_cast<int64_t>(call.row.size());
}

void encode_call(const JoinCall& call, std::string& out) {
  out.clear();
  for (const int64_t number : {call.time_ms, static_cast<int64_t>(call.sequence),
                               static_cast<int64_t>(call.key.size()), size_of_row(call)}) {
    Serde<int64_t>::encode(number, out);
  }
  out += call.key.view();
  if (!call.row.is_null()) out += call.row.view();
  out += call.buffered.view();
}

JoinCall decode_call(Bytes bytes) {
  const auto number_at = [&](size_t i) {
    return Serde<int64_t>::view(Bytes(bytes.data() + i * kCallWord, kCallWord));
  };
  std::string_view rest = bytes.view().substr(4 * kCallWord);
  JoinCall call{.time_ms = number_at(0), .sequence = static_cast<uint64_t>(number_at(1))};
  call.is_looked_up = number_at(3) != kNotLookedUp;
  call.key = rest.substr(0, static_cast<size_t>(number_at(2)));
  rest.remove_prefix(call.key.size());
  if (number_at(3) >= 0) {
    call.row = rest.substr(0, static_cast<size_t>(number_at(3)));
    rest.remove_prefix(call.row.size());
  }
  call.buffered = rest;
  return call;
}

class StreamTableGraceJoin final : public Processor {
 public:
  StreamTableGraceJoin(std::string buffer, int64_t grace_ms, TableView table, TableJoin join)
      : grace_ms_(grace_ms),
        table_(std::move(table)),
        join_(std::move(join)),
        // A record is a window that closes when stream time reaches its end.
        buffer_(std::move(buffer), {.close_delay_ms = -1}, buffered_by_end()) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    buffer_.open(context);
    rows_ = table_.open(context);
    // One record may release more than one unit should.
    context.schedule(TimeKind::kWall, kReleaseIntervalMs, [this](int64_t) {
      buffer_.advance(-1);
      release();
    });
  }

  void process(const Record& record) override {
    const bool takes_null_key = join_.kind == JoinKind::kLeft && join_.joiner_takes_null_key;
    if (drop_untaken_null(takes_null_key, false, record, context())) return;
    if (record.timestamp_ms < 0 || record.timestamp_ms > kEventTimeMaxMs) {
      throw InvalidRecord("the record's time lies before 1970 or too far ahead for a join");
    }
    if (record.key.is_null()) {
      forward_joined(join_.kind, join_.joiner, record, Row(), value_, context());
      return;
    }
    buffer_.advance(record.timestamp_ms);
    const BufferedKeyBytes key{record.key, record.timestamp_ms, record.timestamp_ms + grace_ms_,
                               buffer_.sequence()};
    buffered_.clear();
    encode_buffered(record, buffered_);
    release();
    if (key.end_ms < buffer_.closes_before_ms()) {
      join(key, buffered_);
      return;
    }
    encode_buffered_key(key, row_key_);
    buffer_.put(row_key_, buffered_, record.timestamp_ms, true);
  }

  /// Forwards a joined record. In a call of its own: the code behind may fail.
  void on_deferred(const DeferredCall& call) override {
    const JoinCall parts = decode_call(call.key);
    key_ = parts.key.view();
    buffered_ = parts.buffered.view();
    Bytes found = parts.row;
    if (!parts.is_looked_up) {
      found = rows_->as_of(key_, parts.time_ms).value;
      if (found.is_null() && join_.kind == JoinKind::kInner) return;
    }
    Row row;
    if (!found.is_null()) {
      row_ = found.view();
      row.value = row_;
    }
    headers_of_buffered(buffered_, headers_);
    Record record;
    record.key = key_;
    record.value = value_of_buffered(buffered_);
    record.timestamp_ms = parts.time_ms;
    record.headers = headers_;
    forward_joined(join_.kind, join_.joiner, record, row, value_, context());
  }

 private:
  /// Joins the records whose time has come.
  void release() {
    buffer_.close_some([this](Bytes by_end) {
      if (!buffered_by_end().read_key(by_end, due_key_)) return;
      const Row row = buffer_.get(due_key_);
      if (!row) return;
      due_ = row.value.view();
      buffer_.erase(due_key_, due_);
      join(decode_buffered_key(due_key_), due_);
    });
  }

  /// Joins with the row that the table knows now: later it may reach no more so far back.
  void join(const BufferedKeyBytes& record, Bytes buffered) {
    JoinCall call{.time_ms = record.time_ms,
                  .sequence = record.sequence,
                  .key = record.key,
                  .buffered = buffered};
    try {
      const Row row = rows_->as_of(record.key, record.time_ms);
      if (!row && join_.kind == JoinKind::kInner) return;
      call.row = row.value;
      encode_call(call, call_);
    } catch (const std::exception&) {
      // A function of the table refuses its row. This record's call fails, not the one that
      // releases.
      call.is_looked_up = false;
      encode_call(call, call_);
    }
    context().defer(call_, record.time_ms);
  }

  const int64_t grace_ms_;
  TableView table_;
  TableJoin join_;
  WindowRows buffer_;
  std::unique_ptr<RowView> rows_;  ///< of the table
  std::string row_key_;
  std::string buffered_;
  std::string due_key_;
  std::string due_;
  std::string call_;
  std::string key_;
  std::string row_;
  std::string value_;
  std::vector<Header> headers_;
};

}  // namespace

ProcessorFactory stream_table_grace_join(std::string buffer, int64_t grace_ms, TableView table,
                                         TableJoin join) {
  return [=] { return std::make_unique<StreamTableGraceJoin>(buffer, grace_ms, table, join); };
}

}  // namespace millrace::operators
