#include "millrace/engine/index_pages.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "engine/queries/row_pages.h"

namespace millrace {
namespace {

using engine::PageQuestion;

/// Each of many streams composes its page again whenever the store has changed.
constexpr int64_t kWatchedHitsMax = 100;
constexpr size_t kPageTokenLengthMax = 12'000;

Error invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

/// The bytes with which entries of a value begin.
Result<std::string> indexed(IndexType type, const char* parameter, const std::string& text) {
  std::string bytes;
  if (type == IndexType::kText) {
    if (text.size() > kIndexTextBytesMax) {
      return invalid(fmt::format("{}: longer than {} bytes", parameter, kIndexTextBytesMax));
    }
    append_indexed(text, bytes);
    return bytes;
  }
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, fault] = std::from_chars(text.data(), end, number);
  if (fault != std::errc() || rest != end || text.empty()) {
    return invalid(fmt::format("{}: the index has integers", parameter));
  }
  append_indexed(number, bytes);
  return bytes;
}

void begin_with(const std::string& bytes, PageQuestion& question) {
  question.from = bytes;
  question.to = prefix_end(Bytes(bytes));
}

Status read_bounds(IndexType type, const HttpRequest& request, PageQuestion& question) {
  for (const auto& [parameter, bound] :
       {std::pair("from", &question.from), std::pair("to", &question.to)}) {
    const std::string* const text = request.find(parameter);
    if (text == nullptr) continue;
    Result<std::string> bytes = indexed(type, parameter, *text);
    if (!bytes.ok()) return bytes.status();
    *bound = *std::move(bytes);
  }
  return {};
}

Status read_range(IndexType type, const HttpRequest& request, PageQuestion& question) {
  const std::string* const value = request.find("value");
  const std::string* const prefix = request.find("prefix");
  const bool has_bounds = request.find("from") != nullptr || request.find("to") != nullptr;
  if ((value != nullptr) + (prefix != nullptr) + has_bounds > 1) {
    return invalid("value, prefix, from and to: name a value, a prefix, or a range");
  }
  if (value != nullptr) {
    const Result<std::string> bytes = indexed(type, "value", *value);
    if (!bytes.ok()) return bytes.status();
    begin_with(*bytes, question);
    return {};
  }
  if (prefix == nullptr) return read_bounds(type, request, question);
  if (type != IndexType::kText) return invalid("prefix: the index has integers");
  if (prefix->size() > kIndexTextBytesMax) {
    return invalid(fmt::format("prefix: longer than {} bytes", kIndexTextBytesMax));
  }
  std::string bytes;
  append_indexed_prefix(*prefix, bytes);
  begin_with(bytes, question);
  return {};
}

}  // namespace

std::vector<HttpParameter> index_parameters() {
  std::vector<HttpParameter> parameters{
      {.name = "value", .meaning = "The value of the index.", .length_max = kIndexTextBytesMax},
      {.name = "from", .meaning = "Instead: the least.", .length_max = kIndexTextBytesMax},
      {.name = "to",
       .meaning = "And the value that ends the range.",
       .length_max = kIndexTextBytesMax},
      {.name = "prefix",
       .meaning = "Instead: how values begin, of an index of text.",
       .length_max = kIndexTextBytesMax}};
  std::ranges::move(engine::page_parameters("Of the values", kPageTokenLengthMax),
                    std::back_inserter(parameters));
  return parameters;
}

std::vector<HttpParameter> watched_index_parameters() {
  std::vector<HttpParameter> parameters = index_parameters();
  std::erase_if(parameters, [](const HttpParameter& each) { return each.name == "page"; });
  for (HttpParameter& each : parameters) {
    if (each.name == "limit") each.max = kWatchedHitsMax;
  }
  return parameters;
}

Result<IndexPage> read_index_page(const Queries& queries, const IndexName& name,
                                  const HttpRequest& request) {
  PageQuestion question{.store = index_store_name(name.store, name.index)};
  MILLRACE_RETURN_IF_ERROR(read_range(name.type, request, question));
  engine::read_page_choice(request, question);
  Result<engine::RowPage> rows = read_page(queries, question);
  if (!rows.ok()) return rows.status();
  IndexPage page{.hits = {}, .positions = std::move(rows->positions), .next = rows->next};
  page.hits.reserve(rows->rows.size());
  for (engine::RowPage::PagedRow& row : rows->rows) {
    std::optional<IndexEntry> entry = read_index_entry(name.type, Bytes(row.key));
    if (!entry) return Error{ErrorCode::kInvalidRecord, "an entry that is none of the index"};
    page.hits.push_back({.text = std::move(entry->text),
                         .number = entry->number,
                         .key = entry->row_key.to_string(),
                         .row = std::move(row.value),
                         .timestamp_ms = row.timestamp_ms,
                         .task = row.task});
  }
  return page;
}

}  // namespace millrace
