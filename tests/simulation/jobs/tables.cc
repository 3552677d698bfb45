#include <algorithm>

#include <fmt/format.h>

#include "millrace/operators.h"

#include "jobs.h"
#include "values.h"

namespace millrace::simulation {
namespace tables_job {
namespace {

constexpr uint64_t kKeys = 20;
constexpr int64_t kValues = 900;

constexpr Topic<std::string, int64_t> kLeft{"left"};
constexpr Topic<std::string, int64_t> kRight{"right"};
constexpr Topic<std::string, int64_t> kJoined{"joined"};
constexpr Topic<std::string, int64_t> kSums{"sums"};

int64_t both(Maybe<int64_t> left, Maybe<int64_t> right) {
  return (left ? *left : 0) * 1'000 + (right ? *right : 0);
}

std::string last_digit(int64_t value) {
  return std::to_string(value % 10);
}

std::optional<int64_t> join(std::optional<int64_t> left, std::optional<int64_t> right) {
  if (!left && !right) return std::nullopt;
  return left.value_or(0) * 1'000 + right.value_or(0);
}

class TablesJob final : public Job {
 public:
  Result<Topology> topology() const override {
    TopologyBuilder builder{"tables"};
    const auto left = builder.table(kLeft).index("by-value", [](int64_t value) { return value; });
    const auto joined = left.outer_join(builder.table(kRight), both);
    joined.to(kJoined);
    joined.group_by(last_digit)
        .aggregate(
            "sums-store", 0L, [](int64_t value, int64_t sum) { return sum + value; },
            [](int64_t value, int64_t sum) { return sum - value; })
        .to(kSums);
    return std::move(builder).build();
  }
  std::map<std::string, bool> topics() const override {
    return {{"left", true}, {"right", true}, {"joined", true}, {"sums", true}};
  }
  std::vector<std::string> inputs() const override { return {"left", "right"}; }
  std::vector<std::string> outputs() const override { return {"joined", "sums"}; }

  std::vector<Input> make_inputs(Draws& draws, int64_t now_ms) override {
    std::vector<Input> inputs;
    for (uint64_t i = draws.below(12); i > 0; --i) {
      const std::string topic = draws.one_in(2) ? "left" : "right";
      std::optional<std::string> value;
      if (!draws.one_in(4)) value = bytes_of(draws.between(0, kValues - 1));
      inputs.push_back({topic, fmt::format("k{}", draws.below(kKeys)), std::move(value), now_ms});
    }
    return inputs;
  }

  std::optional<Input> make_poison(int64_t now_ms) override {
    return Input{"left", fmt::format("poison-{}", poisons_++), "no number", now_ms};
  }

  void accept(const TopicPartition& partition, const testing::StoredRecord& record) override {
    Rows& rows = rows_[*record.key];
    (partition.topic == "left" ? rows.left : rows.right).push_back(number_of(record.value));
  }

  /// A joined row is of some version of each side, and none goes back behind what was seen.
  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t) override {
    const std::string key = record.key.value_or("");
    if (partition.topic == "sums") {
      sums_[key] = number_of(record.value).value_or(0);
      return {};
    }
    Rows& rows = rows_[key];
    const std::optional<int64_t> value = number_of(record.value);
    std::vector<Versions> next = rows.next_with(value);
    rows.joined = value;
    if (!next.empty()) {
      rows.seen = std::move(next);
      return {};
    }
    return fmt::format("{}@{} says {}={}, which no later versions of both sides give",
                       partition.to_string(), record.offset, key,
                       value ? std::to_string(*value) : "none");
  }

  Finding check_end(int64_t) override {
    std::map<std::string, int64_t> sums;
    for (const auto& [key, rows] : rows_) {
      const std::optional<int64_t> value = join(rows.left.back(), rows.right.back());
      if (rows.joined != value) {
        return fmt::format("{} is joined to {} and should be {}", key, rows.joined.value_or(-1),
                           value.value_or(-1));
      }
      if (value) sums[last_digit(*value)] += *value;
    }
    for (const auto& [group, sum] : sums_) {
      if (sums[group] != sum) {
        return fmt::format("group {} has the sum {} and should have {}", group, sum, sums[group]);
      }
    }
    for (const auto& [group, sum] : sums) {
      if (sum != 0 && !sums_.contains(group)) return fmt::format("group {} has no sum", group);
    }
    return {};
  }

 private:
  /// Indices of a left and a right version of a key.
  struct Versions {
    size_t left = 0;
    size_t right = 0;
  };
  struct Rows {
    /// Where the joined row may stand once `value` was seen: the earliest of them.
    std::vector<Versions> next_with(std::optional<int64_t> value) const {
      std::vector<Versions> found;
      size_t below = right.size();  // what is not earlier in its right version is no news
      for (size_t l = 0; l < left.size(); ++l) {
        size_t first = right.size();
        for (const Versions& from : seen) {
          if (from.left <= l) first = std::min(first, from.right);
        }
        for (size_t r = first; r < below; ++r) {
          if (join(left[l], right[r]) != value) continue;
          found.push_back({l, r});
          below = r;
          break;
        }
      }
      return found;
    }

    std::vector<std::optional<int64_t>> left{std::nullopt};
    std::vector<std::optional<int64_t>> right{std::nullopt};
    std::vector<Versions> seen{Versions{}};  ///< of them, one is where the joined row stands
    std::optional<int64_t> joined;
  };
  std::map<std::string, Rows> rows_;
  std::map<std::string, int64_t> sums_;
  int64_t poisons_ = 0;
};

}  // namespace
}  // namespace tables_job

std::unique_ptr<Job> make_tables_job() {
  return std::make_unique<tables_job::TablesJob>();
}

}  // namespace millrace::simulation
