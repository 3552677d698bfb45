#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "millrace/operators.h"

#include "jobs.h"
#include "values.h"

namespace millrace::simulation {
namespace matches_job {
namespace {

constexpr uint64_t kKeys = 12;
constexpr int64_t kGroups = 4;
constexpr int64_t kNearMs = 400;
constexpr int64_t kWindowMs = 1'500;
constexpr int64_t kLateMaxMs = 3'000;
/// Longer than any world: which records come late depends on who reads first.
constexpr std::chrono::hours kGrace{24 * 365};

constexpr Topic<std::string, int64_t> kAsks{"asks"};
constexpr Topic<std::string, int64_t> kBids{"bids"};
constexpr Topic<std::string, std::string> kMatches{"matches"};
constexpr Topic<Windowed<std::string>, int64_t> kSums{"match-sums"};

std::string group_of(int64_t number) {
  return std::to_string(number % kGroups);
}
std::string match(int64_t ask, int64_t bid) {
  return fmt::format("{}|{}", ask, bid);
}
/// Of both, or −1: this is no match.
std::pair<int64_t, int64_t> numbers_of(std::string_view match) {
  std::pair<int64_t, int64_t> numbers{-1, -1};
  const size_t bar = std::min(match.find('|'), match.size());
  std::from_chars(match.data(), match.data() + bar, numbers.first);
  if (bar < match.size()) {
    std::from_chars(match.data() + bar + 1, match.data() + match.size(), numbers.second);
  }
  return numbers;
}
int64_t add(std::string_view match, int64_t sum) {
  const auto [ask, bid] = numbers_of(match);
  return sum + ask + bid;
}

class MatchesJob final : public Job {
 public:
  Result<Topology> topology() const override {
    TopologyBuilder builder{"matches"};
    const auto asks = builder.stream(kAsks).key_by(group_of);
    const auto bids = builder.stream(kBids).key_by(group_of);
    const auto matches =
        asks.join(bids, match,
                  JoinWindows::of_time_difference(std::chrono::milliseconds(kNearMs)).grace(kGrace),
                  {.name = "match-store"});
    matches.to(kMatches);
    matches.group_by_key()
        .windowed_by(TimeWindows::of(std::chrono::milliseconds(kWindowMs)).grace(kGrace))
        .aggregate("sum-store", 0L, add)
        .to(kSums);
    return std::move(builder).build();
  }
  std::map<std::string, bool> topics() const override {
    return {{"asks", false}, {"bids", false}, {"matches", false}, {"match-sums", true}};
  }
  std::vector<std::string> inputs() const override { return {"asks", "bids"}; }
  std::vector<std::string> outputs() const override { return {"matches", "match-sums"}; }
  bool takes_any_time() const override { return false; }

  std::vector<Input> make_inputs(Draws& draws, int64_t now_ms) override {
    std::vector<Input> inputs;
    for (uint64_t i = draws.below(8); i > 0; --i) {
      inputs.push_back({draws.one_in(2) ? "asks" : "bids", fmt::format("k{}", draws.below(kKeys)),
                        bytes_of(made_++), now_ms - draws.between(0, kLateMaxMs)});
    }
    return inputs;
  }
  std::optional<Input> make_poison(int64_t now_ms) override {
    return Input{"asks", fmt::format("{}{}", kPoisonKey, poisons_++), "no number", now_ms};
  }

  void accept(const TopicPartition& partition, const testing::StoredRecord& record) override {
    (partition.topic == "asks" ? asks_ : bids_)[number_of(record.value).value()] =
        record.timestamp_ms;
  }

  /// Each match once, with its key and time. Numbers are positive, so no sum goes back.
  Finding observe(const TopicPartition& partition, const testing::StoredRecord& record,
                  int64_t) override {
    const std::string key = record.key.value_or("");
    if (partition.topic == "match-sums") {
      const int64_t now = number_of(record.value).value_or(0);
      if (now > std::exchange(sums_[key], now)) return {};
      return fmt::format("{}@{} says {}, which is not more than before", partition.to_string(),
                         record.offset, now);
    }
    const std::string value = record.value.value_or("");
    const std::string where = fmt::format("{}@{} says {} of {} at {}", partition.to_string(),
                                          record.offset, value, key, record.timestamp_ms);
    const auto [ask, bid] = numbers_of(value);
    if (!asks_.contains(ask) || !bids_.contains(bid)) return where + ", of no two inputs";
    if (!is_match(ask, bid) || group_of(ask) != key ||
        std::max(asks_[ask], bids_[bid]) != record.timestamp_ms) {
      return where + ", which is no match";
    }
    if (!matches_.emplace(ask, bid).second) return where + ", again";
    return {};
  }

  Finding check_end(int64_t) override {
    std::map<std::string, int64_t> sums;
    for (const auto& [ask, ask_ms] : asks_) {
      for (const auto& [bid, bid_ms] : bids_) {
        if (!is_match(ask, bid)) continue;
        if (!matches_.contains({ask, bid})) return fmt::format("{} and {} do not match", ask, bid);
        const int64_t start_ms = std::max(ask_ms, bid_ms) / kWindowMs * kWindowMs;
        std::string window;
        Serde<Windowed<std::string>>::encode({group_of(ask), start_ms, start_ms + kWindowMs},
                                             window);
        sums[window] += ask + bid;
      }
    }
    for (const auto& [window, sum] : sums) {
      if (sums_[window] == sum) continue;
      const auto view = Serde<Windowed<std::string>>::view(Bytes(window));
      return fmt::format("group {} has the sum {} from {} on and should have {}", view.key,
                         sums_[window], view.start_ms, sum);
    }
    return {};
  }

 private:
  bool is_match(int64_t ask, int64_t bid) const {
    const int64_t apart_ms = asks_.at(ask) - bids_.at(bid);
    return group_of(ask) == group_of(bid) && apart_ms >= -kNearMs && apart_ms <= kNearMs;
  }

  std::map<int64_t, int64_t> asks_;  ///< times by number
  std::map<int64_t, int64_t> bids_;
  std::set<std::pair<int64_t, int64_t>> matches_;
  std::map<std::string, int64_t> sums_;
  int64_t made_ = 1;
  int64_t poisons_ = 0;
};

}  // namespace
}  // namespace matches_job

std::unique_ptr<Job> make_matches_job() {
  return std::make_unique<matches_job::MatchesJob>();
}

}  // namespace millrace::simulation
