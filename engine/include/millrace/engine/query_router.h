#pragma once

#include <functional>
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
};

/// `stale=ok`, `max_lag_records`, `max_lag_ms`: any of them lets standbys answer, as far behind as
/// the last two say. `min_position`: a token that the answer has to include.
std::vector<HttpParameter> state_parameters();

}  // namespace millrace
