#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"
#include "millrace/engine/queries.h"

/// The questions of instances to each other and their answers, as CBOR. They come from the network:
/// decoding checks everything.
namespace millrace::engine {

/// How old an answer may be.
struct StandbyBounds {
  bool may_be_standby = false;
  int64_t lag_records_max = INT64_MAX;
  int64_t lag_ms_max = INT64_MAX;

  /// Whether a state is recent enough.
  bool allow(const StatePosition& position) const;
};

/// Asks for rows of one task, from the state that the asked instance has itself.
struct RowQuestion {
  std::string store;  ///< empty: asks for the position of the task that runs there
  TaskId task;
  std::optional<std::string> key{};   ///< a row; else a range
  std::optional<std::string> from{};  ///< null: open
  std::optional<std::string> to{};
  bool is_descending = false;
  size_t rows_max = SIZE_MAX;
  StandbyBounds bounds{};
};

struct RowReply {
  struct KeyedRow {
    std::string key;
    std::string value;
    int64_t timestamp_ms = 0;
  };
  StatePosition position;
  std::vector<KeyedRow> rows;
  bool has_more = false;  ///< the range goes beyond the last of `rows`
};

inline constexpr size_t kRowQuestionBytesMax = 64 << 10;
inline constexpr size_t kRowReplyBytesMax = 16 << 20;
/// Bytes of rows after which a reply ends and says that there are more.
inline constexpr size_t kRowReplyBytes = 4 << 20;

std::string encode_question(const RowQuestion& question);
/// Error: `kInvalidArgument`.
Result<RowQuestion> decode_question(std::string_view bytes);
std::string encode_reply(const RowReply& reply);
/// Error: `kInvalidRecord`.
Result<RowReply> decode_reply(std::string_view bytes);

/// Answers a question from `local`, the queries of this instance. Errors: as `Queries`.
Result<RowReply> answer_rows(const Queries& local, const RowQuestion& question);

}  // namespace millrace::engine
