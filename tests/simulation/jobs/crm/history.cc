#include "history.h"

#include <fmt/format.h>

namespace millrace::simulation::crm_job {
namespace {

using namespace crm;  // NOLINT(google-build-using-namespace): its vocabulary is the job's

constexpr uint64_t kRuleSalt = 0x94d049bb133111eb;
constexpr uint64_t kKeys = 50;

/// Ids of accounts that there are in most worlds.
std::vector<std::string> accounts() {
  std::vector<std::string> ids{"erp:x", "ad:y"};
  for (char letter = 'a'; letter <= 'e'; ++letter) ids.push_back("sf:" + sf_id("001", letter));
  return ids;
}

}  // namespace

History::History(uint64_t seed)
    : world_(static_cast<uint32_t>(seed)),
      random_(seed ^ kRuleSalt),
      steps_([this](size_t last) { return static_cast<size_t>(random_.below(last + 1)); },
             accounts()) {
  for (territory::RuleStep& step : steps_.first()) first_steps_.push_back(std::move(step));
  for (size_t phase = 0; phase < WholeFlowWorld::kPhases; ++phase) {
    for (auto& [topic, bytes] : world_.inputs(phase)) inputs_.emplace_back(topic, std::move(bytes));
  }
  const Events all = world_.events_until(WholeFlowWorld::kPhases - 1);
  for (const RawChange& change : all.changes) {
    events_.emplace(WholeFlowWorld::input_of(change), change);
  }
  for (const OwnedMergeFact& fact : all.facts) {
    events_.emplace(WholeFlowWorld::input_of(fact), fact);
  }
}

std::vector<Input> History::next(Draws& draws, int64_t now_ms) {
  std::vector<Input> inputs;
  const auto add = [&](const Key& input) {
    inputs.push_back({input.first, fmt::format("k{}", draws.below(kKeys)), input.second, now_ms});
  };
  for (uint64_t i = draws.below(4); i > 0 && next_ < inputs_.size(); --i) add(inputs_[next_++]);
  if (next_ > 0 && draws.one_in(8)) add(inputs_[draws.below(next_)]);
  for (uint64_t i = draws.below(6); i > 0 && !first_steps_.empty(); --i) {
    take_step(first_steps_.front(), now_ms, inputs);
    first_steps_.pop_front();
  }
  if (first_steps_.empty() && draws.one_in(5)) take_step(steps_.any(), now_ms, inputs);
  return inputs;
}

void History::take_step(const territory::RuleStep& step, int64_t now_ms,
                        std::vector<Input>& inputs) {
  const territory::TableRecord& record = step.record;
  const std::string topic(record.topic);
  meanings_.insert_or_assign({topic, {record.key, record.value.value_or("")}}, step.meaning);
  inputs.push_back({topic, record.key, record.value, now_ms});
}

const History::Event* History::accept(const std::string& topic,
                                      const testing::StoredRecord& record) {
  const std::string bytes = record.value.value_or("");
  const auto meaning = meanings_.find({topic, {record.key.value_or(""), bytes}});
  if (meaning != meanings_.end()) {
    rules_.apply(meaning->second);
    return nullptr;
  }
  const auto event = events_.find({topic, bytes});
  if (event == events_.end() || !seen_.insert(event->first).second) return nullptr;
  if (const auto* change = std::get_if<RawChange>(&event->second)) {
    accepted_.changes.push_back(*change);
  } else {
    accepted_.facts.push_back(std::get<OwnedMergeFact>(event->second));
  }
  return &event->second;
}

}  // namespace millrace::simulation::crm_job
