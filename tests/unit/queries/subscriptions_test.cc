// Subscriptions at instances in memory, each with a server on a real socket.
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "engine/base/hexadecimal.h"
#include "small_topologies.h"
#include "tests/unit/queries/event_reader.h"
#include "tests/unit/queries/served_cluster.h"

namespace millrace::engine::subscriptions_test {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

Result<Topology> counting() {
  return scripted({.process = count_up, .with_store = true});
}

class SubscriptionsTest : public ServedCluster {
 protected:
  SubscriptionsTest() : ServedCluster(counting, 6) {}

  void start_all(const std::vector<std::string>& names) {
    for (const std::string& name : names) start(name);
    for (int i = 0; i < 9; ++i) write("k" + std::to_string(i));
    settle();
  }
  void write(const std::string& key) { cluster_.pipe("left", key, "v"); }
  EventReader watch(const std::string& name, const std::string& key,
                    const std::string& last_id = {}) const {
    return {ports_.at(name), "/v1/stores/rows/changes?format=hex&key=" + key, last_id};
  }
  std::string owner_of(const std::string& key) const {
    const Reply reply = fetch(ports_.begin()->first, "/v1/stores/rows?key=" + key);
    return Json::parse(reply.body)["position"]["instance"];
  }
  /// A key whose owner is another instance than `name`.
  std::string key_away_from(const std::string& name) const {
    for (int i = 0; i < 9; ++i) {
      std::string key = "k" + std::to_string(i);
      if (owner_of(key) != name) return key;
    }
    return {};
  }
  /// The count in the next event of a row; "null": there is no row.
  static std::string next(EventReader& reader) {
    const std::optional<EventReader::Event> event = reader.next();
    if (!event) return "the stream ended";
    if (event->name != "row") return event->name;
    const Json value = Json::parse(event->data)["value_hex"];
    if (value.is_null()) return "null";
    return *from_hexadecimal(value.get<std::string>());
  }
  void turn_for(int turns) {
    for (int i = 0; i < turns; ++i) {
      cluster_.clock.advance(1'000);
      ASSERT_TRUE(cluster_.turn(5).ok());
    }
  }
};

TEST_F(SubscriptionsTest, ChangesArriveWhicheverInstanceHasTheRow) {
  start_all({"a", "b", "c"});
  for (const char* key : {"k0", "k1", "k2", "k3"}) {
    std::vector<EventReader> readers;
    for (const char* name : {"a", "b", "c"}) readers.push_back(watch(name, key));
    for (EventReader& reader : readers) EXPECT_EQ(next(reader), "1");
    write("k8");
    settle();
    // The first one may come because nobody knew yet whether the row had changed.
    for (const char* count : {"2", "3", "4"}) {
      write(key);
      settle();
      for (EventReader& reader : readers) EXPECT_EQ(next(reader), count) << "of " << key;
    }
  }
}

TEST_F(SubscriptionsTest, ARowThatIsNotThereIsNullUntilItIs) {
  start_all({"a", "b"});
  EventReader reader = watch("a", "new");
  EXPECT_EQ(next(reader), "null");
  write("new");
  settle();
  EXPECT_EQ(next(reader), "1");
}

TEST_F(SubscriptionsTest, ASubscriptionFollowsItsRowToAnotherOwner) {
  start_all({"a", "b"});
  const std::string key = key_away_from("a");
  EventReader reader = watch("a", key);
  EXPECT_EQ(next(reader), "1");
  kill("b");
  turn_for(50);
  write(key);
  settle();
  EXPECT_EQ(next(reader), "2");
  start("b");
  settle();
  for (int i = 0; i < 9; ++i) write("k" + std::to_string(i));
  settle();
  EXPECT_EQ(next(reader), "3");
}

TEST_F(SubscriptionsTest, AChangeWhileTheOwnerMovesIsNotMissed) {
  start_all({"a", "b"});
  const std::string key = key_away_from("a");
  EventReader reader = watch("a", key);
  EXPECT_EQ(next(reader), "1");
  write(key);
  kill("b");
  turn_for(50);
  settle();
  EXPECT_EQ(next(reader), "2");
}

TEST_F(SubscriptionsTest, ARingThatWasCutHidesNoChange) {
  start_all({"a", "b"});
  const std::string key = key_away_from("a");
  EventReader reader = watch("a", key);
  EXPECT_EQ(next(reader), "1");
  constexpr size_t kLongKey = 200 << 10;
  write(key);
  for (char c = 'a'; c < 'z'; ++c) {
    for (char d = 'a'; d < 'd'; ++d) write(std::string(kLongKey, c) + d);
  }
  settle();
  EXPECT_EQ(next(reader), "2");
}

TEST_F(SubscriptionsTest, AnIdContinuesFromItsState) {
  start_all({"a", "b"});
  EventReader first = watch("a", "k1");
  const std::string id = first.next()->id;
  EXPECT_THAT(id, HasSubstr("left:"));
  EXPECT_EQ(fetch("b", "/v1/stores/rows?key=k1&min_position=" + id).status, 200);
  EventReader second = watch("b", "k1", id);
  EXPECT_FALSE(second.has_event_within(300)) << "nothing changed since";
  write("k1");
  settle();
  EXPECT_EQ(next(second), "2");
  EventReader third = watch("b", "k1", id);
  EXPECT_EQ(next(third), "2") << "it changed since";
  EventReader fourth(ports_.at("a"), "/v1/stores/rows/changes?format=hex&key=k1&min_position=" + id,
                     {});
  EXPECT_EQ(next(fourth), "2");
}

TEST_F(SubscriptionsTest, AnIdThatIsNoneIsRefused) {
  start_all({"a"});
  for (const char* id : {"nonsense", "nothing:0:1", "left:0:1;mark"}) {
    EXPECT_THAT(watch("a", "k1", id).head(), StartsWith("HTTP/1.1 400")) << id;
  }
  EXPECT_EQ(fetch("a", "/v1/stores/nothing/changes?key=k1").status, 400);
}

TEST_F(SubscriptionsTest, StreamsEndWithTheDrainOfTheirInstance) {
  start_all({"a", "b"});
  EventReader reader = watch("a", "k1");
  const std::string id = reader.next()->id;
  cluster_["a"].drain();
  turn_for(50);
  settle();
  const std::optional<EventReader::Event> last = reader.next();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->name, "end");
  EXPECT_EQ(last->id, id);
  EXPECT_FALSE(reader.next());
  EXPECT_THAT(watch("a", "k1").head(), StartsWith("HTTP/1.1 503"));
  EventReader other = watch("b", "k1", id);
  write("k1");
  settle();
  EXPECT_EQ(next(other), "2");
}

}  // namespace millrace::engine::subscriptions_test
