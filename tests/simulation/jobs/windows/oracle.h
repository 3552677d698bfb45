#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::simulation::windows_job {

// Windows, sessions and the join are so small, and inputs so late, that all of it happens often.
constexpr int64_t kHopSizeMs = 2'000;
constexpr int64_t kHopAdvanceMs = 700;
constexpr int64_t kHopGraceMs = 300;
constexpr int64_t kTumbleMs = 900;
constexpr int64_t kTumbleGraceMs = 500;
constexpr int64_t kGapMs = 250;
constexpr int64_t kGapGraceMs = 600;
constexpr int64_t kJoinBeforeMs = 300;
constexpr int64_t kJoinAfterMs = 500;
constexpr int64_t kJoinGraceMs = 400;

/// The left side of the join has the even numbers.
inline bool is_left(int64_t number) {
  return number % 2 == 0;
}

/// Lists of results: of tables by the bytes of their windowed keys, of streams by key.
inline constexpr std::string_view kHops = "hops";
inline constexpr std::string_view kTumbles = "tumbles";
inline constexpr std::string_view kSessions = "sessions";
inline constexpr std::string_view kFinalSessions = "final-sessions";
inline constexpr std::string_view kPairs = "pairs";
inline constexpr std::string_view kAlone = "alone";  ///< of the join, too

inline bool is_table(std::string_view list) {
  return list == kHops || list == kSessions;
}

/// `window`: the bytes of its windowed key, or nothing.
struct Outcome {
  std::string window;
  std::optional<std::string> value;
  int64_t timestamp_ms = 0;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};
std::string describe(const Outcome& outcome);

/// All results of one task, which gets the records of its partition in their order. It keeps every
/// record of a key, and looks through all of them each time.
class TaskOracle {
 public:
  void add(const std::string& key, int64_t number, int64_t time_ms);

  /// In their order, by list and key.
  using Outcomes = std::map<std::pair<std::string_view, std::string>, std::vector<Outcome>>;
  const Outcomes& outcomes() const { return outcomes_; }

 private:
  struct Window {
    int64_t start_ms = 0;
    int64_t end_ms = 0;
    int64_t timestamp_ms = 0;
    std::string value;
  };
  struct Side {
    int64_t number = 0;
    int64_t time_ms = 0;
    int64_t end_ms = 0;
    bool is_joined = false;
    bool is_closed = false;
  };
  void hop(const std::string& key, int64_t number, int64_t time_ms);
  void tumble(const std::string& key, int64_t number, int64_t time_ms);
  void extend_sessions(const std::string& key, int64_t number, int64_t time_ms);
  void join(const std::string& key, int64_t number, int64_t time_ms);
  void close();
  std::vector<Outcome>& list(std::string_view name, const std::string& key) {
    return outcomes_[{name, key}];
  }

  int64_t stream_ms_ = -1;
  Outcomes outcomes_;
  std::map<std::string, std::vector<Window>> open_tumbles_;   ///< by start
  std::map<std::string, std::vector<Window>> open_sessions_;  ///< by start
  std::map<std::string, std::vector<Side>> sides_;            ///< in the order of arrival
};

}  // namespace millrace::simulation::windows_job
