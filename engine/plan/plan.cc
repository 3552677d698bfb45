#include "engine/plan/plan.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/core/topology.h"

#include "engine/base/endpoint.h"
#include "engine/base/random_id.h"
#include "engine/clients/clients.h"

namespace millrace::engine {
namespace {

using Json = nlohmann::json;
using Names = std::vector<std::string>;

/// Version of the values' form; a form that older instances must not take is a new version.
constexpr int kVersion = 1;
constexpr int64_t kCountMax = int64_t{1} << 53;  // JSON of other writers may pass through doubles

Error invalid(std::string_view what) {
  return {ErrorCode::kInvalidRecord, std::string(what)};
}

/// The whole text as a number that is written as we would write it.
template <class Integer>
std::optional<Integer> parse_number(std::string_view text, int base = 10) {
  Integer value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  const bool is_plain = text.size() == 1 || !text.starts_with('0');
  if (error != std::errc() || stop != end || !is_plain || text.starts_with('-')) return {};
  return value;
}

bool is_instance(std::string_view name) {
  return is_legal_name(name, kInstanceLengthMax);
}

bool is_endpoint(std::string_view text) {
  if (text.starts_with(kSecureScheme)) text.remove_prefix(kSecureScheme.size());
  const std::optional<Endpoint> endpoint = parse_endpoint(text);
  return endpoint && endpoint->to_string() == text &&
         (is_ip_address(endpoint->host) || is_host_name(endpoint->host));
}

bool are_topics(std::string_view joined) {
  while (true) {
    const size_t comma = joined.find(',');
    if (!is_legal_name(joined.substr(0, comma), kTopicNameLengthMax)) return false;
    if (comma == std::string_view::npos) return true;
    joined.remove_prefix(comma + 1);
  }
}

bool is_life(std::string_view text) {
  return text.empty() || is_random_id(text);
}

bool are_distinct_instances(const Names& names) {
  return std::all_of(names.begin(), names.end(), is_instance) &&
         std::set<std::string_view>(names.begin(), names.end()).size() == names.size();
}

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status check(const Placement& placement) {
  const bool is_sound =
      placement.task.sub_topology >= 0 && placement.task.partition >= 0 &&
      is_instance(placement.active) && are_distinct_instances(placement.standbys) &&
      are_distinct_instances(placement.warmups) && placement.warmups.size() <= 1 &&
      !contains(placement.standbys, placement.active) &&
      !contains(placement.warmups, placement.active);
  if (is_sound) return {};
  return invalid(fmt::format("placement of task {} is not sound", placement.task.to_string()));
}

bool are_members(const Plan& plan, const Names& names) {
  return std::all_of(names.begin(), names.end(),
                     [&](const std::string& name) { return plan.members.contains(name); });
}

Status check(const Plan& plan) {
  if (plan.generation < 0) return invalid("generation");
  if (!plan.members.contains(plan.writer)) return invalid("writer is no member");
  if (plan.members.size() > kPlanInstancesMax) return invalid("too many members");
  for (const auto& [instance, id] : plan.members) {
    if (!is_instance(instance) || id.size() > kMemberIdLengthMax) return invalid("members");
  }
  if (plan.placements.size() > kPlanTasksMax) return invalid("too many tasks");
  const Placement* previous = nullptr;
  for (const Placement& placement : plan.placements) {
    if (previous != nullptr && previous->task >= placement.task) {
      return invalid("tasks are not ascending");
    }
    MILLRACE_RETURN_IF_ERROR(check(placement));
    if (!plan.members.contains(placement.active) || !are_members(plan, placement.standbys) ||
        !are_members(plan, placement.warmups)) {
      return invalid(fmt::format("task {} is given to no member", placement.task.to_string()));
    }
    previous = &placement;
  }
  return {};
}

Status check(const InstanceReport& report) {
  if (!is_instance(report.instance)) return invalid("instance is no legal name");
  if (!is_life(report.life) || !is_life(report.rival)) return invalid("life");
  if (!report.endpoint.empty() && !is_endpoint(report.endpoint)) return invalid("endpoint");
  if (!report.rack.empty() && !is_instance(report.rack)) return invalid("rack is no legal name");
  if (report.capacity < 1 || report.capacity > kCapacityMax) return invalid("capacity");
  if (report.inputs.size() > kSubTopologiesMax) return invalid("too many sub-topologies");
  if (!std::all_of(report.inputs.begin(), report.inputs.end(), are_topics))
    return invalid("inputs");
  if (report.held.size() > kPlanTasksMax) return invalid("too many tasks");
  for (const auto& [task, position] : report.held) {
    const bool is_task = task.sub_topology >= 0 && task.partition >= 0;
    if (!is_task || position < 0 || position > kCountMax) {
      return invalid(fmt::format("state held of task {}", task.to_string()));
    }
  }
  return {};
}

/// Numbers for names, so that a plan of many tasks names an instance once.
class NameTable {
 public:
  size_t number(const std::string& name) {
    const auto [place, is_new] = numbers_.try_emplace(name, names_.size());
    if (is_new) names_.push_back(name);
    return place->second;
  }
  Json numbers(const Names& names) {
    Json list = Json::array();
    for (const std::string& name : names) list.push_back(number(name));
    return list;
  }
  const Names& names() const { return names_; }

 private:
  std::map<std::string, size_t> numbers_;
  Names names_;
};

Result<std::string> dump(const Json& json) {
  // An id of a member is whatever Kafka gave it.
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= kGroupRecordBytesMax) return text;
  return Error{ErrorCode::kInvalidArgument, fmt::format("{} bytes are too many", text.size())};
}

/// The object in `value`, of our version.
Result<Json> parse(Bytes value) {
  if (value.is_null() || value.size() > kGroupRecordBytesMax) return invalid("size");
  Json json = Json::parse(value.view(), nullptr, false);
  if (!json.is_object()) return invalid("no JSON object");
  const auto version = json.find("version");
  if (version == json.end() || *version != kVersion) return invalid("unknown version");
  return json;
}

/// Reads members of `json`, each of which must be there and of its type. The first that is not
/// leaves an error in `status`: then do not use the values read.
class PlanReader {
 public:
  explicit PlanReader(const Json& json) : json_(json) {}

  std::string text(const char* name) {
    const Json* const found = find(name, [](const Json& j) { return j.is_string(); });
    return found == nullptr ? std::string() : found->get<std::string>();
  }
  /// Of a field that later versions added.
  std::string text_if_any(const char* name) {
    return json_.contains(name) ? text(name) : std::string();
  }
  bool flag(const char* name) {
    const Json* const found = find(name, [](const Json& j) { return j.is_boolean(); });
    return found != nullptr && found->get<bool>();
  }
  int64_t number(const char* name, int64_t max) {
    const Json* const found = find(name, [max](const Json& j) { return is_count(j, max); });
    return found == nullptr ? 0 : found->get<int64_t>();
  }
  /// Of a field that later versions added.
  Names texts_if_any(const char* name) {
    if (!json_.contains(name)) return {};
    Names texts;
    for (const Json& text : array(name)) {
      if (text.is_string()) texts.push_back(text.get<std::string>());
    }
    if (status_.ok() && texts.size() != json_[name].size()) status_ = invalid(name);
    return texts;
  }
  const Json& array(const char* name) {
    static const Json empty = Json::array();
    const Json* const found = find(name, [](const Json& j) { return j.is_array(); });
    return found == nullptr ? empty : *found;
  }
  const Json& object(const char* name) {
    static const Json empty = Json::object();
    const Json* const found = find(name, [](const Json& j) { return j.is_object(); });
    return found == nullptr ? empty : *found;
  }
  const Status& status() const { return status_; }

  static bool is_count(const Json& json, int64_t max) {
    return json.is_number_unsigned() && json.get<uint64_t>() <= static_cast<uint64_t>(max);
  }

 private:
  template <class Fits>
  const Json* find(const char* name, Fits&& fits) {
    const auto found = json_.find(name);
    if (found != json_.end() && fits(*found)) return &*found;
    if (status_.ok()) status_ = invalid(name);
    return nullptr;
  }

  const Json& json_;
  Status status_;
};

Result<TaskId> parse_task(const std::string& text) {
  Result<TaskId> task = TaskId::parse(text);
  if (!task.ok() || task->to_string() != text) return invalid("name of a task");
  return task;
}

/// The instances that `numbers` stand for. REQUIRES: `names` are checked.
Result<Names> named(const Json& numbers, const Json& names) {
  if (!numbers.is_array() || numbers.size() > names.size()) return invalid("instances of a task");
  Names found;
  for (const Json& number : numbers) {
    if (!PlanReader::is_count(number, static_cast<int64_t>(names.size()) - 1)) {
      return invalid("number of an instance");
    }
    found.push_back(names[number.get<size_t>()].get<std::string>());
  }
  return found;
}

/// [task, [active], [standbys], [warmups]]
Result<Placement> to_placement(const Json& row, const Json& names) {
  if (!row.is_array() || row.size() != 4 || !row[0].is_string()) return invalid("row of a task");
  const Result<TaskId> task = parse_task(row[0].get<std::string>());
  if (!task.ok()) return task.status();
  std::array<Names, 3> lists;
  for (size_t i = 0; i < lists.size(); ++i) {
    Result<Names> list = named(row[i + 1], names);
    if (!list.ok()) return list.status();
    lists[i] = std::move(*list);
  }
  if (lists[0].size() != 1) return invalid("a task needs one active instance");
  return Placement{*task, lists[0][0], std::move(lists[1]), std::move(lists[2])};
}

Error not_encodable(const Status& status) {
  return {ErrorCode::kInvalidArgument, status.message()};
}

}  // namespace

const Placement* Plan::find(TaskId task) const {
  const auto found =
      std::lower_bound(placements.begin(), placements.end(), task,
                       [](const Placement& p, TaskId wanted) { return p.task < wanted; });
  return found == placements.end() || found->task != task ? nullptr : &*found;
}

Result<std::string> encode_plan(const Plan& plan) {
  if (const Status status = check(plan); !status.ok()) return not_encodable(status);
  NameTable table;
  Json rows = Json::array();
  for (const Placement& placement : plan.placements) {
    rows.push_back({placement.task.to_string(), Json::array({table.number(placement.active)}),
                    table.numbers(placement.standbys), table.numbers(placement.warmups)});
  }
  if (table.names().size() > kPlanInstancesMax) return not_encodable(invalid("too many instances"));
  return dump({{"version", kVersion},
               {"generation", static_cast<uint32_t>(plan.generation)},
               {"writer", plan.writer},
               {"members", plan.members},
               {"instances", table.names()},
               {"tasks", std::move(rows)}});
}

Result<Plan> decode_plan(Bytes value) {
  const Result<Json> json = parse(value);
  if (!json.ok()) return json.status();
  PlanReader reader(*json);
  Plan plan;
  plan.generation = static_cast<int32_t>(reader.number("generation", INT32_MAX));
  plan.writer = reader.text("writer");
  const Json& members = reader.object("members");
  const Json& names = reader.array("instances");
  const Json& rows = reader.array("tasks");
  MILLRACE_RETURN_IF_ERROR(reader.status());
  if (names.size() > kPlanInstancesMax || rows.size() > kPlanTasksMax) return invalid("size");
  for (const auto& [instance, id] : members.items()) {
    if (!id.is_string()) return invalid("members");
    plan.members[instance] = id.get<std::string>();
  }
  for (const Json& name : names) {
    if (!name.is_string()) return invalid("instances");
  }
  for (const Json& row : rows) {
    Result<Placement> placement = to_placement(row, names);
    if (!placement.ok()) return placement.status();
    plan.placements.push_back(std::move(*placement));
  }
  MILLRACE_RETURN_IF_ERROR(check(plan));
  return plan;
}

Result<std::string> encode_report(const InstanceReport& report) {
  if (const Status status = check(report); !status.ok()) return not_encodable(status);
  Json held = Json::object();
  for (const auto& [task, position] : report.held) {
    held[task.to_string()] = static_cast<uint64_t>(position);
  }
  return dump({{"version", kVersion},
               {"instance", report.instance},
               {"life", report.life},
               {"rival", report.rival},
               {"endpoint", report.endpoint},
               {"snapshots", report.has_snapshots},
               {"rack", report.rack},
               {"capacity", static_cast<uint32_t>(report.capacity)},
               {"draining", report.is_draining},
               {"inputs", report.inputs},
               {"held", std::move(held)}});
}

Result<InstanceReport> decode_report(Bytes value) {
  const Result<Json> json = parse(value);
  if (!json.ok()) return json.status();
  PlanReader reader(*json);
  InstanceReport report;
  report.instance = reader.text("instance");
  report.life = reader.text_if_any("life");
  report.rival = reader.text_if_any("rival");
  report.endpoint = reader.text("endpoint");
  report.has_snapshots = reader.flag("snapshots");
  report.rack = reader.text("rack");
  report.capacity = static_cast<int32_t>(reader.number("capacity", kCapacityMax));
  report.is_draining = reader.flag("draining");
  report.inputs = reader.texts_if_any("inputs");
  const Json& held = reader.object("held");
  MILLRACE_RETURN_IF_ERROR(reader.status());
  if (held.size() > kPlanTasksMax) return invalid("too many tasks");
  for (const auto& [name, position] : held.items()) {
    const Result<TaskId> task = parse_task(name);
    if (!task.ok()) return task.status();
    if (!PlanReader::is_count(position, kCountMax)) return invalid("state held of task " + name);
    report.held[*task] = position.get<int64_t>();
  }
  MILLRACE_RETURN_IF_ERROR(check(report));
  return report;
}

std::string key_of(const Plan& plan) {
  const auto id = plan.members.find(plan.writer);
  return fmt::format("{:010}/{}/{}", plan.generation, plan.writer,
                     id == plan.members.end() ? std::string() : id->second);
}

}  // namespace millrace::engine
