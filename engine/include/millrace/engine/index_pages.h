#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/index.h"
#include "millrace/engine/http_route.h"
#include "millrace/engine/queries.h"

namespace millrace {

/// An index that requests ask.
struct IndexName {
  std::string store;
  std::string index;
  IndexType type = IndexType::kText;
};

/// Rows that an index finds, in the order of its values.
struct IndexPage {
  struct Hit {
    std::string text;    ///< value of the index, kText
    int64_t number = 0;  ///< kInteger
    std::string key;     ///< of the row
    std::string row;     ///< its bytes, 8-byte aligned
    int64_t timestamp_ms = 0;
    TaskId task;
  };
  std::vector<Hit> hits;
  std::vector<StatePosition> positions;  ///< of every task, in the order of partitions
  std::string next;                      ///< `page` of the next page; empty: this was the last
};

/// `value`, or `from` and `to`, or `prefix`; `order`, `limit` and `page`.
std::vector<HttpParameter> index_parameters();
/// The same for who follows the first page of a question: without `page`.
std::vector<HttpParameter> watched_index_parameters();

/// Reads the page that the parameters ask for; holds at most `limit` rows of each task. Each page
/// is of the state at its own time, and survives rebalances. Errors: as `Queries`;
/// `kInvalidArgument` for parameters that do not fit; `kNotReady` while the index is built.
Result<IndexPage> read_index_page(const Queries& queries, const IndexName& name,
                                  const HttpRequest& request);

}  // namespace millrace
