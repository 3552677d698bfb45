#include <utility>

#include <fmt/format.h>

#include "millrace/core/invalid_record.h"
#include "millrace/operators/detail/versioned/version_reader.h"
#include "millrace/operators/detail/versioned/versions.h"
#include "millrace/operators/detail/windowed_bytes.h"

#include "operators/row_keeper.h"
#include "operators/versioned/version_rows.h"

namespace millrace::operators {
namespace {

class KeepVersions final : public Processor {
 public:
  KeepVersions(std::string store, int64_t history_ms)
      : store_name_(std::move(store)), history_(history_store(store_name_), history_ms) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    latest_.open(context, store_name_);
    history_.open(context);
  }

  void process(const Record& record) override {
    if (record.key.is_null()) {
      context().count_dropped("null_key");
      return;
    }
    if (record.timestamp_ms < 0 || record.timestamp_ms > kEventTimeMaxMs) {
      throw InvalidRecord("the record's time lies before 1970 or too far ahead for a history");
    }
    history_.advance(record.timestamp_ms);
    if (const int64_t late_ms = history_.begins_ms() - record.timestamp_ms; late_ms > 0) {
      context().count_late(late_ms);
      return;
    }
    put(record);
    history_.remove_some();
  }

 private:
  void put(const Record& record) {
    const int64_t time_ms = record.timestamp_ms;
    const Row old = latest_.read(record.key);
    if (old && time_ms > old.timestamp_ms) {
      history_.keep(record.key, old.timestamp_ms, time_ms, old.value);
    } else if (!old || time_ms < old.timestamp_ms) {
      const auto latest_ms = old ? std::optional(old.timestamp_ms) : std::nullopt;
      if (history_.insert(record.key, time_ms, record.value, latest_ms)) return;
    }
    // A delete that no version ends with, so that older records which come later end there.
    if (record.value.is_null() && (!old || time_ms == old.timestamp_ms)) {
      history_.keep(record.key, time_ms, time_ms, Bytes());
    }
    latest_.replace(record, old);
  }

  const std::string store_name_;
  RowKeeper latest_;
  VersionRows history_;
};

class VersionedView final : public RowView {
 public:
  VersionedView(KeyValueStore& latest, KeyValueStore& history) : versions_(latest, history) {}
  Row get(Bytes key) override { return versions_.latest(key); }
  Row as_of(Bytes key, int64_t time_ms) override { return versions_.as_of(key, time_ms); }

 private:
  VersionReader versions_;
};

}  // namespace

TableCore versioned_by(const StreamCore& stream, const std::string& name, VersionedTable table,
                       StoreOptions options) {
  TopologyDraft& draft = *stream.draft;
  if (table.history_ms < 0 || table.history_ms > kIntervalMaxMs) {
    draft.fail(
        fmt::format("the history of '{}' needs at least 0 ms and at most 18 million years: {} ms",
                    name, table.history_ms));
  }
  draft.add_store(name, std::move(table.key), std::move(table.value), options);
  const std::string history = history_store(name);
  StoreSpec& store =
      draft.add_store(history, std::move(table.version_key), std::move(table.version), options);
  store.derived_rows = version_rows_by_end();
  store.is_hidden = &is_own_row;
  ProcessorUse use;
  use.name = name;
  use.factory = [name, history_ms = table.history_ms] {
    return std::make_unique<KeepVersions>(name, history_ms);
  };
  use.stores = {name, history};
  use.reads_at_key = {name};
  use.forwards_rows_of = name;
  return {&draft,
          {draft.add_processor(stream.nodes, stream.anchor, std::move(use))},
          name,
          versioned_view(name, table.history_ms)};
}

TableView versioned_view(const std::string& store, int64_t history_ms) {
  TableView view = store_view(store);
  const std::string history = history_store(store);
  view.stores.push_back(history);
  view.open = [store, history](ProcessorContext& context) -> std::unique_ptr<RowView> {
    return std::make_unique<VersionedView>(context.store(store), context.store(history));
  };
  view.history_ms = history_ms;
  return view;
}

}  // namespace millrace::operators
