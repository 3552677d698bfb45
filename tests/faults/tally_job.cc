// Counts numbered events, so that one that is lost, doubled or overtaken shows in a sum; and hands
// parcels on, whatever they are, to a topic that takes less. See README.md.

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "millrace/engine/run_main.h"
#include "millrace/operators.h"

namespace mr = millrace;

/// A number as decimal text: 1, 2, 3 … for each key.
struct Number {};

template <>
struct mr::Serde<Number> {
  using View = int64_t;
  using Owned = int64_t;
  static std::string_view name() { return "number"; }
  static mr::Status validate(mr::Bytes bytes) {
    if (parse(bytes.view()) > 0) return {};
    return mr::Error{mr::ErrorCode::kInvalidRecord,
                     fmt::format("{} bytes are not a number", bytes.size())};
  }
  static View view(mr::Bytes bytes) { return parse(bytes.view()); }
  static void encode(const Owned& value, std::string& out) { out += std::to_string(value); }

 private:
  /// 0: not a number.
  static int64_t parse(std::string_view text) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? number : 0;
  }
};

/// With a prefix of their own, runs on one Kafka keep apart.
std::string topic_name(const char* name) {
  const char* const prefix = std::getenv("TALLY_TOPICS");
  return fmt::format("{}.{}", prefix == nullptr ? "faults" : prefix, name);
}

/// "count sum last overtaken", where an event is overtaken that does not follow its predecessor.
class Tally {
 public:
  explicit Tally(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    for (int64_t& number : numbers_) {
      at = std::from_chars(at, end, number).ptr;
      if (at != end) ++at;
    }
  }
  void add(int64_t number) {
    auto& [count, sum, last, overtaken] = numbers_;
    ++count;
    sum += number;
    if (number != last + 1) ++overtaken;
    last = number;
  }
  std::string text() const { return fmt::format("{}", fmt::join(numbers_, " ")); }

 private:
  int64_t numbers_[4] = {0, 0, 0, 0};
};

std::string add_event(int64_t number, std::string_view so_far) {
  Tally tally(so_far);
  tally.add(number);
  return tally.text();
}

/// The group of a key is its last letter: keys of one group come from all partitions.
std::string group_of(std::string_view key, int64_t /*number*/) {
  return std::string(key.substr(key.empty() ? 0 : key.size() - 1));
}

mr::Result<mr::Topology> tally() {
  using Tallies = mr::Topic<std::string, std::string>;
  const std::string input = topic_name("events");
  const std::string by_key = topic_name("tallies");
  const std::string by_group = topic_name("group-tallies");
  mr::TopologyBuilder builder{"tally"};
  const auto events = builder.stream(mr::Topic<std::string, Number>{input});
  events.aggregate("tallies", std::string(), add_event).to(Tallies{by_key});
  events.group_by(group_of)
      .aggregate("group-tallies", std::string(), add_event)
      .to(Tallies{by_group});
  if (std::getenv("TALLY_PARCELS") != nullptr) {
    const std::string parcels = topic_name("parcels");
    const std::string delivered = topic_name("delivered");
    builder.stream(Tallies{parcels}).to(Tallies{delivered});
  }
  return std::move(builder).build();
}

int main(int argc, char** argv) {
  return mr::run_main(tally(), argc, argv);
}
