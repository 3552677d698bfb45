#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"
#include "millrace/engine/http_route.h"
#include "millrace/engine/queries.h"

namespace millrace::engine {

/// Asks for a page of a store's rows over all tasks, in the order of their keys' unsigned bytes.
struct PageQuestion {
  std::string store;
  std::optional<std::string> from{};  ///< null: open
  std::optional<std::string> to{};
  bool is_descending = false;
  size_t rows_max = 100;
  std::string page{};  ///< `RowPage::next` of the page before; empty: the first page
};

struct RowPage {
  struct PagedRow {
    TaskId task;
    std::string key;
    std::string value;
    int64_t timestamp_ms = 0;
  };
  std::vector<PagedRow> rows;
  std::vector<StatePosition> positions;  ///< of every task, in the order of partitions
  std::string next;                      ///< for the next page; empty: this was the last
};

/// Reads a page; holds at most `rows_max` rows of each task. Each page is of the state at its own
/// time: a row that stays is on exactly one page, whichever instances have the tasks. Errors: as
/// `Queries`; `kInvalidArgument` for a `page` that is none.
Result<RowPage> read_page(const Queries& queries, const PageQuestion& question);

/// The parameters `order`, `limit` and `page` of a route. `ordered`: what the order is of.
/// `token_length_max`: of `page`, which holds the last key of the page before and comes in a
/// request's head.
std::vector<HttpParameter> page_parameters(std::string_view ordered, size_t token_length_max);
/// Reads them.
void read_page_choice(const HttpRequest& request, PageQuestion& question);

}  // namespace millrace::engine
