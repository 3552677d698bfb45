#include "apps/cli/replay_compare.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>

#include <nlohmann/json.hpp>

#include "apps/cli/field_paths.h"
#include "apps/cli/topic_dump.h"
#include "apps/tools/flat_json.h"
#include "apps/tools/topic_reader.h"
#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "crm/model/output_topic.h"

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

/// An output that holds a state by key, and what of it is no part of the state.
struct Output {
  std::string_view topic;
  std::vector<std::string_view> counters;
  bool is_optional = false;
};

const std::array<Output, 4>& outputs() {
  static const std::array all{
      Output{crm::kRedirects.name, {}},
      Output{crm::kAccountStates.name, {"version"}},
      Output{crm::kAccountTerritories.name, {"alignment_epoch"}},
      Output{crm::kEntitlements.name, {"version", "as_of_ms"}, true},
  };
  return all;
}

enum Side : size_t { kLive = 0, kShadow = 1 };
constexpr std::array kSides{kLive, kShadow};
constexpr std::array<const char*, 2> kSideNames{"live", "shadow"};
constexpr std::array<Side, 2> kOther{kShadow, kLive};

/// One output of both sides.
class TopicComparison {
 public:
  TopicComparison(const Output& output, const CompareOptions& options, const PersonalMask* mask)
      : output_(output),
        options_(options),
        mask_(mask),
        tables_(*find_type_by_topic(output.topic)) {
    topics_ = {crm::output_topic(output.topic, options.live_prefix),
               crm::output_topic(output.topic, options.shadow_prefix)};
  }

  /// Whether the sides have the topic; one that only one side has is an error.
  Result<bool> exists(engine::Admin& admin) const {
    Status missing;
    size_t found = 0;
    for (const std::string& topic : topics_) {
      const auto description = admin.describe_topic(topic);
      if (description.ok()) {
        ++found;
      } else if (description.code() == ErrorCode::kNotFound) {
        missing = description.status();
      } else {
        return description.status();
      }
    }
    if (missing.ok() || (found == 0 && output_.is_optional)) return found == kSides.size();
    return missing;
  }

  /// Reads both sides; afterwards only keys count that were different in every reading.
  Status look(engine::ClientFactory& clients, bool keeps_values) {
    for (Pair& pair : rows_) pair.second = {};
    for (const Side side : kSides) {
      MILLRACE_RETURN_IF_ERROR(read_topic(clients, topics_[side], options_.timeout_s * 1'000,
                                          [&](int32_t, const engine::FetchedRecord& record) {
                                            take(side, record, keeps_values);
                                            return true;
                                          }));
    }
    if (is_first_) {
      keys_ = std::count_if(rows_.begin(), rows_.end(),
                            [](const Pair& pair) { return pair.second.hashes != Hashes{}; });
    }
    is_first_ = false;
    std::erase_if(rows_, [](const Pair& pair) {
      return pair.second.hashes[kLive] == pair.second.hashes[kShadow];
    });
    return {};
  }

  int64_t keys() const { return keys_; }
  int64_t different() const { return static_cast<int64_t>(rows_.size()); }

  /// In the order of keys. REQUIRES: the last look kept values.
  void show(int64_t limit, std::ostream& out) const {
    std::map<std::string_view, const Row*> sorted;
    for (const auto& [key, row] : rows_) sorted.emplace(key, &row);
    for (const auto& [key, row] : sorted) {
      if (limit-- <= 0) return;
      Json line{{"topic", output_.topic}, {"key", bytes_json(Bytes(key))}};
      show(*row, line);
      out << line_of(line) << "\n";
    }
  }

 private:
  using Hashes = std::array<size_t, 2>;  ///< 0: no row
  struct Row {
    Hashes hashes{};
    std::array<std::optional<std::string>, 2> values{};
  };
  using Pair = std::pair<const std::string, Row>;

  void take(Side side, const engine::FetchedRecord& record, bool keeps_value) {
    auto row = rows_.find(record.key.to_string());
    if (row == rows_.end()) {
      if (!is_first_) return;
      row = rows_.emplace(record.key.to_string(), Row{}).first;
    }
    const bool is_gone = record.value.is_null();
    row->second.hashes[side] = is_gone ? 0 : hash(json_of(record.value));
    if (!keeps_value) return;
    std::optional<std::string>& value = row->second.values[side];
    value.reset();
    if (!is_gone) value.emplace(record.value.view());
  }

  Json json_of(Bytes value) const {
    Result<Json> json = tables_.to_json(value);
    return json.ok() ? *std::move(json) : Json{{"invalid", bytes_json(value)}};
  }

  size_t hash(const Json& json) const {
    std::string text;
    for (const auto& [name, value] : fields(json)) text.append(name).append(line_of(value));
    return std::max<size_t>(std::hash<std::string>()(text), 1);
  }

  FieldPaths fields(const Json& json) const {
    FieldPaths all = field_paths(json);
    std::erase_if(all, [this](const auto& field) { return is_ignored(field.first); });
    return all;
  }

  bool is_ignored(std::string_view name) const {
    const auto is_in = [name](std::string_view part) { return is_in_field(name, part); };
    return std::ranges::find(output_.counters, name) != output_.counters.end() ||
           std::ranges::any_of(options_.ignored, is_in);
  }

  void show(const Row& row, Json& line) const {
    for (const Side side : kSides) {
      if (row.values[side]) continue;
      line["only_in"] = kSideNames[kOther[side]];
      return;
    }
    const std::array all{fields(json_of(Bytes(*row.values[kLive]))),
                         fields(json_of(Bytes(*row.values[kShadow])))};
    const std::array shown{shown_fields(*row.values[kLive]), shown_fields(*row.values[kShadow])};
    FieldPaths names = all[kLive];
    names.insert(all[kShadow].begin(), all[kShadow].end());
    for (const auto& [name, any] : names) {
      const std::array found{all[kLive].find(name), all[kShadow].find(name)};
      const bool is_in_both =
          found[kLive] != all[kLive].end() && found[kShadow] != all[kShadow].end();
      if (is_in_both && found[kLive]->second == found[kShadow]->second) continue;
      Json difference{{"field", name}};
      for (const Side side : kSides) {
        if (found[side] == all[side].end()) continue;
        const auto value = shown[side].find(name);
        difference[kSideNames[side]] = value == shown[side].end() ? Json(kHidden) : value->second;
      }
      line["differences"].push_back(std::move(difference));
    }
  }

  /// The fields that the caller may see.
  FieldPaths shown_fields(const std::string& value) const {
    if (mask_ == nullptr && !options_.reveals) return {};
    const Result<Json> read = tables_.to_json(Bytes(value));
    if (!read.ok() && !options_.reveals) return {};
    Json json = json_of(Bytes(value));
    if (!options_.reveals) mask_->apply(json);
    return field_paths(json);
  }

  const Output& output_;
  const CompareOptions& options_;
  const PersonalMask* mask_;
  FlatJson tables_;
  std::array<std::string, 2> topics_;
  std::unordered_map<std::string, Row> rows_;
  bool is_first_ = true;
  int64_t keys_ = 0;
};

Status look(std::vector<TopicComparison>& topics, const CompareOptions& options,
            engine::ClientFactory& clients) {
  for (int64_t attempt = 0; attempt <= options.attempts; ++attempt) {
    const bool is_last = attempt == options.attempts;
    if (attempt > 0) std::this_thread::sleep_for(std::chrono::milliseconds(options.pause_ms));
    int64_t different = 0;
    for (TopicComparison& topic : topics) {
      MILLRACE_RETURN_IF_ERROR(topic.look(clients, is_last));
      different += topic.different();
    }
    if (different == 0) return {};
  }
  return {};
}

}  // namespace

Result<CompareOutcome> compare_outputs(const CompareOptions& options,
                                       engine::ClientFactory& clients, std::ostream& out) {
  if (options.live_prefix == options.shadow_prefix) {
    return Error{ErrorCode::kInvalidArgument, "live and shadow have the same prefix"};
  }
  const auto mask = load_mask(options.mapping_file);
  if (!mask.ok()) return mask.status();
  auto admin = clients.admin();
  if (!admin.ok()) return admin.status();
  std::vector<TopicComparison> topics;
  for (const Output& output : outputs()) {
    TopicComparison topic(output, options, *mask ? &**mask : nullptr);
    const Result<bool> exists = topic.exists(**admin);
    if (!exists.ok()) return exists.status();
    if (*exists) topics.push_back(std::move(topic));
  }
  MILLRACE_RETURN_IF_ERROR(look(topics, options, clients));
  CompareOutcome outcome;
  int64_t shown = 0;
  for (const TopicComparison& topic : topics) {
    const int64_t room = options.limit == 0 ? topic.different() : options.limit - shown;
    topic.show(room, out);
    shown += std::min(room, topic.different());
    outcome.keys += topic.keys();
    outcome.different += topic.different();
  }
  out << Json{{"topics", topics.size()},
              {"keys", outcome.keys},
              {"different", outcome.different},
              {"shown", shown}}
             .dump()
      << "\n";
  return outcome;
}

}  // namespace millrace::apps
