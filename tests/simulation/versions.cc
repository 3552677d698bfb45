// Records of other versions, another version of the job, and inputs that no version can process.
#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "engine/plan/plan.h"
#include "instance.h"

namespace millrace::simulation {
namespace {

constexpr TaskId kUnknownTask{99, 0};

std::string replaced(std::string text, std::string_view part, std::string_view by) {
  if (const size_t place = text.find(part); place != std::string::npos) {
    text.replace(place, part.size(), by);
  }
  return text;
}

/// Without a field whose value is a text.
std::string without(std::string json, std::string_view name) {
  const size_t first = json.find(fmt::format("\"{}\":\"", name));
  const size_t last = first == std::string::npos ? first : json.find("\",", first);
  if (last != std::string::npos) json.erase(first, last + 2 - first);
  return json;
}

bool add_unknown_task(testing::StoredRecord& record, bool is_plan, Draws& draws) {
  if (!is_plan) {
    Result<engine::InstanceReport> report = engine::decode_report(Bytes(*record.value));
    if (!report.ok()) return false;
    report->held[kUnknownTask] = draws.between(0, 100);
    record.value = engine::encode_report(*report).value();
    return true;
  }
  Result<engine::Plan> plan = engine::decode_plan(Bytes(*record.value));
  if (!plan.ok()) return false;
  if (plan->find(kUnknownTask) == nullptr) {
    plan->placements.push_back({kUnknownTask, plan->writer, {}, {}});
  }
  record.key = engine::key_of(*plan);
  record.value = engine::encode_plan(*plan).value();
  return true;
}

}  // namespace

bool World::change_versions(Instance& instance, Kind kind, Draws& draws) {
  switch (kind) {
    case Kind::kOtherVersion:
      return write_other_version(draws);
    case Kind::kForeignRow:
      return write_foreign_row(draws);
    case Kind::kUpgrade:
      return upgrade(instance, draws);
    case Kind::kRefusal:
      return refuse(maker().make_refused(draws, clock_.now_ms()));
    case Kind::kOddTime:
      return send_at_odd_time(draws);
    default:
      return false;
  }
}

/// A plan or report as an older or newer version writes it.
bool World::write_other_version(Draws& draws) {
  const bool is_plan = draws.one_in(2);
  const TopicPartition log{is_plan ? "app-plan" : "app-instances", 0};
  std::vector<testing::StoredRecord> known = broker_.read_committed(log);
  std::erase_if(known, [](const testing::StoredRecord& record) {
    return !record.key || !record.value || !record.value->starts_with("{\"");
  });
  if (known.empty()) return false;
  testing::StoredRecord record = draws.one_in(2) ? known.back() : draws.one_of(known);
  switch (draws.below(4)) {
    case 0:
      record.value = replaced(*record.value, "\"version\":1", "\"version\":2");
      break;
    case 1:
      record.value = replaced(*record.value, "{", R"({"later":{"more":[1,{"x":null}]},)");
      break;
    case 2:
      record.value = without(without(*record.value, "life"), "rival");
      break;
    default:
      if (!add_unknown_task(record, is_plan, draws)) return false;
  }
  broker_.append(
      log,
      {.timestamp_ms = clock_.now_ms(), .key = record.key, .value = record.value, .headers = {}});
  return true;
}

/// A cursor or timer as no version here writes it, in the place of one that is there.
bool World::write_foreign_row(Draws& draws) {
  std::vector<TopicPartition> changelogs;
  for (const StoreSpec& store : topology_->stores()) {
    const bool holds_cursors = std::ranges::any_of(
        topology_->nodes(), [&](const Node& node) { return node.cursors == store.name; });
    if (!store.timers && !holds_cursors) continue;
    const std::string topic = changelog_topic_name("app", store.name);
    for (int32_t p = 0; p < broker_.partitions(topic); ++p) changelogs.push_back({topic, p});
  }
  if (changelogs.empty()) return false;
  const TopicPartition changelog = draws.one_of(changelogs);
  std::vector<testing::StoredRecord> rows = broker_.read_committed(changelog);
  std::erase_if(rows, [](const testing::StoredRecord& row) { return !row.value; });
  if (rows.empty()) return false;
  const testing::StoredRecord& row = draws.one_of(rows);
  checks_->ignore(changelog);
  operator_.learn(Event::kForeignRow);
  broker_.append(changelog, {.timestamp_ms = row.timestamp_ms,
                             .key = row.key,
                             .value = *row.value + " and more of a later version",
                             .headers = {}});
  return true;
}

/// One instance of a rolling upgrade, or of one that is taken back.
bool World::upgrade(Instance& instance, Draws& draws) {
  if (instance.engine == nullptr || instance.frozen_until_ms > steady_ms()) return false;
  instance.is_next = !instance.is_next;
  stop(instance, draws.between(1, 2'000));
  return true;
}

bool World::refuse(std::optional<Input> input) {
  if (!input || !is_fed(input->topic)) return false;
  operator_.learn(Event::kRefusal);
  put(*input);
  return true;
}

bool World::send_at_odd_time(Draws& draws) {
  if (!maker().takes_any_time()) return false;
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  std::vector<Input> inputs = maker().make_inputs(draws, clock_.now_ms());
  for (Input& input : inputs) {
    input.timestamp_ms = draws.one_of(std::array<int64_t, 4>{0, 1, kMost - 1, kMost});
    put(input);
  }
  return !inputs.empty();
}

}  // namespace millrace::simulation
