#pragma once

#include <functional>
#include <string>
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
