#include "engine/queries/row_pages.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "engine/base/hexadecimal.h"
#include "engine/base/numbers.h"

namespace millrace::engine {
namespace {

using PagedRow = RowPage::PagedRow;

constexpr int64_t kPageRowsMax = 1'000;

/// The last row of a page: the next page begins behind it. Rows of one key are in the order of
/// their partitions.
struct Place {
  int32_t partition = 0;
  std::string key;
};

std::string text_of(const Place& place) {
  return fmt::format("{}.{}", place.partition, hexadecimal(place.key));
}

std::optional<Place> read_place(std::string_view text) {
  const size_t dot = text.find('.');
  Place place;
  if (dot == std::string_view::npos || !read_number(text.substr(0, dot), place.partition)) {
    return std::nullopt;
  }
  std::optional<std::string> key = from_hexadecimal(text.substr(dot + 1));
  if (!key) return std::nullopt;
  place.key = *std::move(key);
  return place;
}

/// The part of the question's range in a partition that lies behind the page before.
struct OpenRange {
  std::optional<std::string> from;
  std::optional<std::string> to;
};

OpenRange rest_of(const PageQuestion& question, const std::optional<Place>& last,
                  int32_t partition) {
  OpenRange rest{question.from, question.to};
  if (!last) return rest;
  const std::string successor = last->key + '\0';
  if (question.is_descending) {
    const std::string& end = partition > last->partition ? successor : last->key;
    if (!rest.to || end < *rest.to) rest.to = end;
  } else {
    const std::string& begin = partition > last->partition ? last->key : successor;
    if (!rest.from || *rest.from < begin) rest.from = begin;
  }
  return rest;
}

Bytes bound(const std::optional<std::string>& key) {
  return key ? Bytes(*key) : Bytes();
}

/// Keeps the first rows of two parts that are in order.
std::vector<PagedRow> merge(std::vector<PagedRow> first, std::vector<PagedRow> second,
                            bool is_descending, size_t rows_max) {
  std::vector<PagedRow> both;
  both.reserve(first.size() + second.size());
  const auto comes_before = [is_descending](const PagedRow& a, const PagedRow& b) {
    return is_descending ? Bytes(b.key) < Bytes(a.key) : Bytes(a.key) < Bytes(b.key);
  };
  std::merge(std::make_move_iterator(first.begin()), std::make_move_iterator(first.end()),
             std::make_move_iterator(second.begin()), std::make_move_iterator(second.end()),
             std::back_inserter(both), comes_before);
  if (both.size() > rows_max) both.resize(rows_max);
  return both;
}

}  // namespace

Result<RowPage> read_page(const Queries& queries, const PageQuestion& question) {
  std::optional<Place> last;
  if (!question.page.empty()) {
    last = read_place(question.page);
    if (!last) return Error{ErrorCode::kInvalidArgument, "page: not the next of another page"};
  }
  const Result<int32_t> partitions = queries.partitions_of(question.store);
  if (!partitions.ok()) return partitions.status();
  RowPage page;
  bool is_full = false;
  for (int32_t p = 0; p < *partitions; ++p) {
    const OpenRange rest = rest_of(question, last, p);
    std::vector<PagedRow> rows;
    Result<StatePosition> position = queries.scan_partition(
        question.store, p,
        {.from = bound(rest.from),
         .to = bound(rest.to),
         .is_descending = question.is_descending,
         .rows_max = question.rows_max},
        [&](TaskId task, Bytes key, Row row) {
          rows.push_back({task, key.to_string(), row.value.to_string(), row.timestamp_ms});
          return true;
        });
    if (!position.ok()) return position.status();
    page.positions.push_back(*std::move(position));
    is_full |=
        rows.size() == question.rows_max || page.rows.size() + rows.size() > question.rows_max;
    page.rows =
        merge(std::move(page.rows), std::move(rows), question.is_descending, question.rows_max);
  }
  if (is_full && !page.rows.empty()) {
    page.next = text_of({page.rows.back().task.partition, page.rows.back().key});
  }
  return page;
}

std::vector<HttpParameter> page_parameters(std::string_view ordered, size_t token_length_max) {
  using Type = HttpParameter::Type;
  return {{.name = "order",
           .meaning = fmt::format("{}; asc unless named.", ordered),
           .type = Type::kChoice,
           .choices = {"asc", "desc"}},
          {.name = "limit",
           .meaning = "Rows of a page; 100 unless named.",
           .type = Type::kInteger,
           .min = 1,
           .max = kPageRowsMax},
          {.name = "page",
           .meaning = "`next` of the page before, which was asked for with the same parameters.",
           .length_max = token_length_max,
           .pattern = "^([0-9]+\\.([0-9a-f]{2})*)?$"}};
}

void read_page_choice(const HttpRequest& request, PageQuestion& question) {
  const std::string* const order = request.find("order");
  question.is_descending = order != nullptr && *order == "desc";
  if (const auto limit = request.integer("limit")) question.rows_max = static_cast<size_t>(*limit);
  if (const std::string* const page = request.find("page")) question.page = *page;
}

}  // namespace millrace::engine
