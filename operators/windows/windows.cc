#include <limits>
#include <utility>

#include <fmt/format.h>

#include "millrace/operators/detail/windowed.h"
#include "millrace/operators/detail/windowed_bytes.h"

#include "operators/windows/own_rows.h"

namespace millrace::operators {
namespace {

bool is_too_long(std::optional<int64_t> ms) {
  return ms && (*ms > kIntervalMaxMs || *ms < -kIntervalMaxMs);
}

std::string fault_of_ahead(std::optional<int64_t> max_ahead_ms) {
  if (!max_ahead_ms || *max_ahead_ms > 0) return {};
  return fmt::format("must let records be ahead of stream time by 1 ms at least: {} ms",
                     *max_ahead_ms);
}

}  // namespace

int64_t WindowSpec::retention_min_ms() const {
  return size_ms + grace_ms + (kind == WindowKind::kSliding ? size_ms : 0);
}

std::string WindowSpec::fault() const {
  const bool may_be_zero = kind == WindowKind::kSliding;
  if (size_ms < 0 || (size_ms == 0 && !may_be_zero)) {
    constexpr std::string_view kNames[] = {"a size", "a time difference", "an inactivity gap"};
    return fmt::format("need {} of {}: {} ms", kNames[static_cast<size_t>(kind)],
                       may_be_zero ? "at least 0 ms" : "at least 1 ms", size_ms);
  }
  if (kind == WindowKind::kTime && (advance_ms <= 0 || advance_ms > size_ms)) {
    return fmt::format("advance by 1 ms at least and by their size, {} ms, at most: {} ms", size_ms,
                       advance_ms);
  }
  if (grace_ms < 0) return fmt::format("have a negative grace: {} ms", grace_ms);
  if (is_too_long(size_ms) || is_too_long(grace_ms) || is_too_long(retention_ms) ||
      is_too_long(max_ahead_ms)) {
    return "are too long: 18 million years is the most";
  }
  if (retention_ms && *retention_ms < retention_min_ms()) {
    return fmt::format(
        "need a retention of at least {} ms, which is {} and grace: {} ms", retention_min_ms(),
        kind == WindowKind::kSliding ? "twice the time difference" : "size", *retention_ms);
  }
  return fault_of_ahead(max_ahead_ms);
}

std::string JoinWindowSpec::fault() const {
  if (is_too_long(before_ms) || is_too_long(after_ms) || is_too_long(grace_ms) ||
      is_too_long(max_ahead_ms)) {
    return "are too long: 18 million years is the most";
  }
  if (before_ms + after_ms < 0) {
    return fmt::format("end before they begin: {} ms before and {} ms after", before_ms, after_ms);
  }
  if (grace_ms < 0) return fmt::format("have a negative grace: {} ms", grace_ms);
  return fault_of_ahead(max_ahead_ms);
}

TableCore windowed_by(const StreamCore& stream, const std::string& name, const WindowSpec& windows,
                      ProcessorFactory aggregate, TypeInfo key, TypeInfo value,
                      StoreOptions options) {
  if (const std::string fault = windows.fault(); !fault.empty()) {
    stream.draft->fail(fmt::format("the windows of '{}' {}", name, fault));
  }
  StoreSpec& store = stream.draft->add_store(name, std::move(key), std::move(value), options);
  store.derived_rows = rows_by_end();
  store.is_hidden = &is_own_row;
  ProcessorUse use;
  use.name = name;
  use.factory = std::move(aggregate);
  use.stores = {name};
  use.keeps_key = false;
  return {stream.draft,
          {stream.draft->add_processor(stream.nodes, stream.anchor, std::move(use))},
          name,
          store_view(name),
          windows};
}

StreamCore late_records(const TableCore& windows) {
  return StreamCore{windows.draft, windows.nodes, windows.anchor, false, false}.side_output("late");
}

StreamCore final_results(const TableCore& windows) {
  return {windows.draft, windows.nodes, windows.anchor, false, false};
}

}  // namespace millrace::operators
