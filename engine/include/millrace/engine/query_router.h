#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "millrace/engine/http_route.h"
#include "millrace/engine/queries.h"

namespace millrace {

/// Lets any instance answer for any key. It reads rows that this instance has itself at once, and
/// asks the instance that has the others. Thread-safe.
class QueryRouter {
 public:
  /// Makes an answer from what `queries` read. May be called twice, on two threads one after the
  /// other.
  using MakeAnswer = std::function<HttpAnswer(const Queries& queries)>;

  virtual ~QueryRouter() = default;

  /// The answer of `make`, with queries over all instances. Their errors: as `Queries`;
  /// `kRetriable` also when the owner of a row does not answer, or is about to change. They wait
  /// for other instances, up to `request.deadline`, only in the part that the answer leaves for
  /// `later`.
  ///
  /// Parameters of `request` say which states may answer: see `state_parameters`. A position tells
  /// who answered and how far behind he was; `HttpAnswer::position` includes all that was read.
  virtual HttpAnswer answer(const HttpRequest& request, MakeAnswer make) const = 0;

  /// An answer whose every change a caller wants to see.
  struct Watched {
    HttpAnswer answer;
    std::string content;  ///< of the answer; an event needs another one than the last had
  };
  using MakeWatched = std::function<Watched(const Queries& queries)>;

  /// A stream of events called `event`: the answer of `make`, at first and whenever a commit
  /// changed a row that it has read, or a row in a range that it has scanned, and its content has
  /// changed. It may leave out states in between, never the latest. `make` is called again and
  /// again, on several threads one after the other.
  ///
  /// An answer of another status than 200 is the answer to the request if it is the first; later a
  /// 404 is an event `gone`, and the stream tries again after errors that pass. Parameters: see
  /// `watch_parameters`.
  virtual HttpAnswer watch(const HttpRequest& request, std::string event,
                           MakeWatched make) const = 0;

  struct TopicRecord {
    int32_t partition = 0;
    int64_t offset = 0;
    int64_t timestamp_ms = 0;
    std::optional<std::string> key{};  ///< nullopt: null
    std::optional<std::string> value{};
    std::vector<std::pair<std::string, std::optional<std::string>>> headers{};
  };
  /// Committed records among the newest offsets of each partition, the newest timestamps first, and
  /// `records_max` of them and 16 MiB at most. Asks Kafka and waits, until `deadline` the latest.
  /// Errors: `kNotFound`: no such topic; `kTimedOut`: a transaction is open, or Kafka is away;
  /// those of the clients.
  virtual Result<std::vector<TopicRecord>> newest_records(
      const std::string& topic, size_t records_max,
      std::chrono::steady_clock::time_point deadline) const = 0;

  /// An instance of the application and the tasks that the present plan gives it.
  struct InstanceTasks {
    std::string instance{};
    std::string endpoint{};  ///< where others ask it; empty: nobody can, or it is this one
    bool is_self = false;
    std::vector<TaskId> active{};
    std::vector<TaskId> standbys{};
  };
  /// This instance, and those that the plan gives tasks, by name.
  virtual std::vector<InstanceTasks> instances() const = 0;

  /// The view `view` ("health", "metrics", "history") that another instance has of itself. Waits
  /// for the answer, `request.deadline` the latest. Errors: `kNotFound`: no such instance in the
  /// plan; `kRetriable`, `kTimedOut`, `kRefused`: it does not answer, or not to this one.
  virtual Result<std::string> ask_instance(const HttpRequest& request, const std::string& instance,
                                           const std::string& view) const = 0;

  /// The answer to another instance that asks which rows of this one's tasks changed.
  virtual HttpAnswer answer_changes(const HttpRequest& request) const = 0;
};

/// `stale=ok`, `max_lag_records`, `max_lag_ms`: any of them lets standbys answer, as far behind as
/// the last two say. `min_position`: a token that the answer has to include.
std::vector<HttpParameter> state_parameters();

/// `min_position`: the id of an event or a position to continue from, for callers who cannot send
/// Last-Event-ID, which comes first.
std::vector<HttpParameter> watch_parameters();

}  // namespace millrace
