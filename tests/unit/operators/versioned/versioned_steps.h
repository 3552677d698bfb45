#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/operators.h"

#include "operators/versioned/version_rows.h"
#include "operators/windows/own_rows.h"
#include "tests/unit/operators/harness.h"

namespace millrace::testing {

inline constexpr Topic<std::string, std::string> kVersions{"inputs"};
inline constexpr Topic<std::string, std::string> kChanges{"changes"};
inline constexpr Topic<std::string, int64_t> kAsks{"asks"};
inline constexpr Topic<std::string, std::string> kAnswers{"answers"};

/// Answers a time with the version of then, "value@from" or "none".
class Ask final : public TypedProcessor<std::string, int64_t, std::string, std::string> {
 public:
  void on_start() override { rows_.emplace(versioned_store<std::string, std::string>("rows")); }
  void on_record(Maybe<std::string> key, Maybe<int64_t> time_ms, const Record&) override {
    // A negative time asks for the latest version.
    const auto row = *time_ms < 0 ? rows_->latest(*key) : rows_->as_of(*key, *time_ms);
    const std::string answer =
        row ? std::string(*row) + '@' + std::to_string(row.timestamp_ms) : "none";
    emit()(*key, answer);
  }

 private:
  std::optional<VersionedStore<std::string, std::string>> rows_;
};

/// The versioned table "rows", its changes, and answers. `define` adds to it.
template <class F>
Result<Topology> versioned(std::chrono::milliseconds history, F define) {
  TopologyBuilder builder{"test"};
  const auto rows = builder.table(kVersions, {.name = "rows", .history = history});
  rows.to_stream().to(kChanges);
  builder.stream(kAsks)
      .process("ask", [] { return std::make_unique<Ask>(); }, {.stores = rows.stores()})
      .to(kAnswers);
  define(builder, rows);
  return std::move(builder).build();
}
inline Result<Topology> versioned(std::chrono::milliseconds history) {
  return versioned(history, [](auto&, const auto&) {});
}

inline std::string as_of(Harness& harness, const std::string& key, int64_t time_ms) {
  harness.pipe(kAsks, key, time_ms);
  const auto answers = harness.read(kAnswers);
  return answers.size() == 1 ? *answers[0].value : "no answer";
}
inline std::string latest(Harness& harness, const std::string& key) {
  return as_of(harness, key, -1);
}

/// The versions in the history, "a[from,to)=value" with a blank between, newest first.
inline std::string history_in(const Harness& harness) {
  using Key = Serde<operators::VersionKey<std::string>>;
  std::string versions;
  for (const auto& [key, row] : harness.store("rows-history")) {
    if (!Key::validate(Bytes(key)).ok()) continue;
    const auto parts = Key::view(Bytes(key));
    const Bytes value = operators::decode_version(Bytes(row.first));
    if (!versions.empty()) versions += ' ';
    versions += parts.key.to_string() + '[' + std::to_string(parts.from_ms) + ',' +
                std::to_string(parts.to_ms) + ")=";
    versions += value.is_null() ? "null" : value.to_string();
  }
  return versions;
}

/// Gives `after` the rows of a store as a restore makes them of what is in the changelog.
inline void restore(const Harness& before, std::string_view store, const DerivedRows* derived,
                    Harness& after) {
  for (const auto& [key, row] : before.store(store)) {
    if (derived != nullptr && derived->is_derived(Bytes(key))) continue;
    after.restore(store, Bytes(key), Bytes(row.first), row.second);
    if (derived == nullptr) continue;
    derived->derive(Bytes(key), Bytes(row.first), [&, at = row.second](Bytes own, Bytes value) {
      after.restore(store, own, value, at);
    });
  }
}

/// The rows of the versioned table.
inline void restore_versions(const Harness& before, Harness& after) {
  restore(before, "rows", nullptr, after);
  restore(before, "rows-history", &operators::version_rows_by_end(), after);
}

/// Answers as a versioned table, by a list that is searched as a whole.
class VersionsOracle {
 public:
  explicit VersionsOracle(int64_t history_ms) : history_ms_(history_ms) {}

  /// The change that is forwarded, "new" or "null"; none: it is late, older or changes nothing.
  std::optional<std::string> put(const std::string& key, std::optional<std::string> value,
                                 int64_t time_ms) {
    time_ms_ = std::max(time_ms_, time_ms);
    if (time_ms < time_ms_ - history_ms_) {
      ++late_;
      return std::nullopt;
    }
    const Version* const before = newest(key, INT64_MAX);
    const bool is_newest = before == nullptr || time_ms >= before->from_ms;
    const bool was_there = before != nullptr && before->value;
    std::optional<std::string> change;
    if (is_newest && (value || was_there)) change = value.value_or("null");
    versions_.push_back({key, time_ms, std::move(value)});
    return change;
  }
  std::string as_of(const std::string& key, int64_t time_ms) const {
    if (time_ms < time_ms_ - history_ms_) {
      const Version* const last = newest(key, INT64_MAX);
      return last != nullptr && last->from_ms <= time_ms ? text(last) : "none";
    }
    return text(newest(key, time_ms));
  }
  std::string latest(const std::string& key) const { return text(newest(key, INT64_MAX)); }
  int64_t time_ms() const { return time_ms_; }
  int late() const { return late_; }

 private:
  struct Version {
    std::string key;
    int64_t from_ms;
    std::optional<std::string> value;
  };
  const Version* newest(const std::string& key, int64_t time_ms) const {
    const Version* found = nullptr;
    for (const Version& version : versions_) {
      if (version.key != key || version.from_ms > time_ms) continue;
      if (found == nullptr || version.from_ms >= found->from_ms) found = &version;
    }
    return found;
  }
  static std::string text(const Version* version) {
    if (version == nullptr || !version->value) return "none";
    return *version->value + '@' + std::to_string(version->from_ms);
  }

  int64_t history_ms_;
  int64_t time_ms_ = -1;
  int late_ = 0;
  std::vector<Version> versions_;
};

}  // namespace millrace::testing
