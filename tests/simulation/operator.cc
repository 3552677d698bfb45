#include "operator.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "instance.h"

namespace millrace::simulation {
namespace {

/// Last words that an event explains.
struct Words {
  Event event;
  ErrorCode code;
  std::string_view text;
  Order order;
};

constexpr std::array kWords{
    Words{Event::kInputGrown, ErrorCode::kConfig, "but this application was set up for",
          Order::kReset},
    Words{Event::kInputGrown, ErrorCode::kConfig, "the partition count of an input changed",
          Order::kReset},
    Words{Event::kInputGrown, ErrorCode::kConfig, "give both topics the same number of partitions",
          Order::kGrowOthers},
    Words{Event::kTableGrown, ErrorCode::kConfig, "Start all instances of the application again",
          Order::kStartAllAgain},
    Words{Event::kInputReplaced, ErrorCode::kConfig, "the topic was replaced", Order::kReset},
    Words{Event::kInputReplaced, ErrorCode::kConfig, "has no offsets for its input",
          Order::kSetOffsets},
    Words{Event::kInputReplaced, ErrorCode::kConfig, "not exist", Order::kStartAgain},
    Words{Event::kInputReplaced, ErrorCode::kNotFound, "not exist", Order::kStartAgain},
    Words{Event::kChangelogDeleted, ErrorCode::kConfig, "the topic was deleted", Order::kBringBack},
    // An instance created it anew, and a transaction was under way that had written to the old one.
    Words{Event::kChangelogDeleted, ErrorCode::kConfig, "but local state is at", Order::kReset},
    Words{Event::kChangelogDeleted, ErrorCode::kConfig, "not exist", Order::kStartAgain},
    Words{Event::kChangelogDeleted, ErrorCode::kNotFound, "not exist", Order::kStartAgain},
    Words{Event::kChangelogDeleted, ErrorCode::kRefused, "not exist", Order::kStartAgain},
    Words{Event::kForeignRow, ErrorCode::kConfig, "holds no row of store", Order::kReset},
    Words{Event::kRefusal, ErrorCode::kRefused, ": an output ", Order::kForgive},
    Words{Event::kRefusal, ErrorCode::kInvalidRecord, "@", Order::kForgive},
    Words{Event::kRefusal, ErrorCode::kUserCode, "@", Order::kForgive},
};

}  // namespace

std::string_view to_string(Order order) {
  static constexpr std::array<std::string_view, kOrders> kNames{
      "start-again", "start-all-again", "forgive", "grow-others",
      "set-offsets", "bring-back",      "reset"};
  return kNames.at(static_cast<size_t>(order));
}

std::optional<Order> Operator::read(const Status& end) const {
  for (const Words& words : kWords) {
    if (knows(words.event) && end.code() == words.code &&
        end.message().find(words.text) != std::string::npos) {
      return words.order;
    }
  }
  return {};
}

bool World::has_explanation(const Instance& instance, const Status& end) {
  const std::optional<Order> order = operator_.read(end);
  if (!order) return false;
  if (*order == Order::kForgive && instance.on_error != OnError::kFail) return false;
  ++outcome_.orders.at(static_cast<size_t>(*order));
  operator_.give(*order);
  return true;
}

/// Between turns of instances.
void World::obey() {
  release_inputs();
  const std::optional<Order> order = operator_.take_order();
  if (!order) return;
  switch (*order) {
    case Order::kStartAgain:
      return;  // it comes back by itself
    case Order::kStartAllAgain:
      kill_all();
      operator_.forget(Event::kTableGrown);
      return;
    case Order::kForgive:
      on_error_ = OnError::kDeadLetter;
      return;
    case Order::kGrowOthers:
      grow_others();
      return;
    case Order::kSetOffsets:
      if (order_.one_in(2)) return reset();
      kill_all();
      set_lost_offsets();
      return;
    case Order::kBringBack:
      if (order_.one_in(2) || !bring_back_changelogs()) reset();
      return;
    case Order::kReset:
      reset();
      return;
  }
}

void World::kill_all() {
  for (const auto& instance : instances_) {
    if (instance->engine != nullptr) kill(*instance, kBackMs);
    broker_.end_session(instance->name);
  }
}

/// Stops all, deletes internal topics, offsets and state directories, and starts all again.
void World::reset() {
  kill_all();
  broker_.hold_markers(false);
  for (const auto& [id, number] : broker_.open_transactions()) {
    if (id.starts_with(kInternalPrefix)) broker_.time_out_transaction(id);
  }
  observe();
  for (const std::string& topic : broker_.topics()) {
    if (topic.starts_with(kInternalPrefix)) broker_.delete_topic(topic);
  }
  broker_.forget_offsets();
  if (!root_.empty()) std::filesystem::remove_all(root_);
  grow_others();
  job_ = make_scripted_job();
  checks_ = std::make_unique<Checks>(broker_, *topology_, "app");
  for (const std::string& topic : job_->inputs()) forget_reads(topic);
  poisons_ = 0;
  topics_.aside.clear();
  topics_.quiet.clear();
  operator_.forget_all_but_inputs();
  create_topics();
}

}  // namespace millrace::simulation
