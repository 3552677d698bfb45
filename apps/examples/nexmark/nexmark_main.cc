#include <array>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "millrace/core/partitioner.h"
#include "millrace/engine/kafka_clients.h"
#include "millrace/engine/run_main.h"

#include "engine/clients/clients.h"
#include "examples/nexmark/events.h"
#include "examples/nexmark/nexmark.h"

namespace mr = millrace;

namespace nexmark {
namespace {

using MakeQuery = mr::Result<mr::Topology> (*)();

struct Options {
  MakeQuery query = q0;
  int64_t events = 0;
  uint64_t seed = 1;
  bool create_topics = false;
  int32_t partitions = 4;
};

void add_config(mr::ConfigTable& table, Options& options) {
  table.add_choice<MakeQuery>("query", options.query,
                              {{"q0", q0},
                               {"q1", q1},
                               {"q2", q2},
                               {"q3", q3},
                               {"q4", q4},
                               {"q5", q5},
                               {"q7", q7},
                               {"q8", q8}},
                              "The query to run; README.md says what each computes.");
  table.add_integer(
      "events", options.events, {},
      "Events to make and send beside the query, each at its time: about 50 a second.");
  table.add_integer("seed", options.seed, {}, "Decides about those events.");
  table.add_bool("create.topics", options.create_topics,
                 "Create the topics of all queries that do not exist.");
  table.add_integer("topic.partitions", options.partitions, {1, 10'000},
                    "Partitions of the topics that --create.topics creates.");
}

std::vector<mr::NewTopic> new_topics(const Options& options) {
  std::vector<mr::NewTopic> topics;
  if (!options.create_topics) return topics;
  for (const std::string_view name :
       {kPersons.name, kAuctions.name, kBids.name, kPassed.name, kEuroBids.name, kSelected.name}) {
    topics.push_back({std::string(name), options.partitions, {}});
  }
  for (const std::string_view name :
       {kLocalItems.name, kAverages.name, kHotItems.name, kHighestBids.name, kNewSellers.name}) {
    topics.push_back({std::string(name), options.partitions, {{"cleanup.policy", "compact"}}});
  }
  return topics;
}

/// Sends events to the three topics of inputs.
class Sender {
 public:
  explicit Sender(mr::engine::ClientFactory& clients) : clients_(clients) {}

  mr::Status open() {
    const auto admin = clients_.admin();
    if (!admin.ok()) return admin.status();
    auto producer = clients_.producer("");
    if (!producer.ok()) return producer.status();
    producer_ = *std::move(producer);
    for (const std::string_view name : {kPersons.name, kAuctions.name, kBids.name}) {
      const auto topic = (*admin)->describe_topic(std::string(name));
      if (!topic.ok()) return topic.status();
      const auto handle = producer_->topic_handle(std::string(name));
      if (!handle.ok()) return handle.status();
      topics_[name] = {*handle, topic->partitions};
    }
    return {};
  }

  mr::Status send(const PersonT& person) {
    return send(kPersons, person.id, mr::Flat<Person>(person), person.date_time_ms);
  }
  mr::Status send(const AuctionT& auction) {
    return send(kAuctions, auction.id, mr::Flat<Auction>(auction), auction.date_time_ms);
  }
  mr::Status send(const BidT& bid) {
    return send(kBids, bid.auction, mr::Flat<Bid>(bid), bid.date_time_ms);
  }
  mr::Status flush() { return producer_->flush(); }

 private:
  struct Topic {
    int32_t handle = 0;
    int32_t partitions = 1;
  };
  template <class V>
  mr::Status send(mr::Topic<int64_t, V> topic, int64_t key, const mr::Flat<V>& value,
                  int64_t time_ms) {
    const Topic& to = topics_.at(topic.name);
    std::string key_bytes;
    mr::encode_as<int64_t>(key, key_bytes);
    const mr::Bytes bytes(key_bytes);
    return producer_->send({.topic = to.handle,
                            .partition = mr::partition_of(bytes, to.partitions),
                            .key = bytes,
                            .value = mr::Bytes(value.bytes()),
                            .timestamp_ms = time_ms,
                            .headers = {}});
  }

  mr::engine::ClientFactory& clients_;
  std::unique_ptr<mr::engine::Producer> producer_;
  std::map<std::string_view, Topic> topics_;
};

mr::Status send_events(const Options& options, const mr::EngineOptions& engine,
                       const std::stop_token& stop) {
  const auto clients = mr::KafkaClients::create(engine);
  if (!clients.ok()) return clients.status();
  Sender sender(clients->factory());
  MILLRACE_RETURN_IF_ERROR(sender.open());
  using std::chrono::system_clock;
  Events events(options.seed, std::chrono::duration_cast<std::chrono::milliseconds>(
                                  system_clock::now().time_since_epoch())
                                  .count());
  for (int64_t sent = 0; sent < options.events && !stop.stop_requested(); ++sent) {
    const Event event = events.next();
    std::this_thread::sleep_until(
        system_clock::time_point(std::chrono::milliseconds(events.now_ms())));
    MILLRACE_RETURN_IF_ERROR(std::visit([&](const auto& one) { return sender.send(one); }, event));
  }
  return sender.flush();
}

}  // namespace
}  // namespace nexmark

int main(int argc, char** argv) {
  nexmark::Options options;
  return mr::run_main(
      [&options] { return options.query(); }, argc, argv,
      {.description = "Runs a query of Nexmark on the topics nexmark.persons, nexmark.auctions "
                      "and nexmark.bids.",
       .add_config = [&options](mr::ConfigTable& table) { nexmark::add_config(table, options); },
       .new_topics = [&options](const mr::EngineOptions&) { return new_topics(options); },
       .beside =
           [&options](const mr::EngineOptions& engine, const std::stop_token& stop) {
             if (options.events == 0) return;
             const mr::Status sent = nexmark::send_events(options, engine, stop);
             if (!sent.ok()) std::cerr << "no more events: " << sent.message() << "\n";
           }});
}
