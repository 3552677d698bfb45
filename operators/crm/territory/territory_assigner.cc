#include "crm/territory/territory_assigner.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "account_state_generated.h"
#include "conflict_generated.h"
#include "crm/indexes/crm_indexes.h"
#include "crm/model/account_topics.h"
#include "crm/model/encode.h"
#include "crm/model/ids.h"
#include "crm/model/version.h"
#include "crm/territory/account_territories.h"
#include "crm/territory/choice_table.h"
#include "crm/territory/member_index.h"

namespace millrace::crm {
namespace {

using territory::AccountImage;
using territory::AssignmentRows;
using territory::ChoiceKind;
using territory::DefinitionKind;

constexpr std::string_view kNodeName = "territory-assigner";
constexpr size_t kRowsChild = 0;
constexpr size_t kConflictsChild = 1;

struct DefinitionTopic {
  std::string_view name;
  DefinitionKind kind;
};
constexpr std::array kDefinitionTopics{
    DefinitionTopic{kTerritoryModels.name, DefinitionKind::kModel},
    DefinitionTopic{kTerritories.name, DefinitionKind::kTerritory},
    DefinitionTopic{kTerritoryRules.name, DefinitionKind::kRule},
    DefinitionTopic{kRuleTerritories.name, DefinitionKind::kAssociation}};

struct ChoiceTopic {
  std::string_view name;
  ChoiceKind kind;
};
constexpr std::array kChoiceTopics{ChoiceTopic{kManualTerritories.name, ChoiceKind::kManual},
                                   ChoiceTopic{kTerritoryExclusions.name, ChoiceKind::kExclusion}};

Status validate_key(Bytes key) {
  if (is_internal_id(key.view())) return {};
  return Error{ErrorCode::kInvalidRecord, "the key of a territory record is not source:id"};
}

template <class Table>
Status validate_definition(Bytes value) {
  MILLRACE_RETURN_IF_ERROR(Serde<Table>::validate(value));
  return territory::read_definition(*flatbuffers::GetRoot<Table>(value.data())).status();
}

template <class Table>
Status validate_choice(Bytes value) {
  MILLRACE_RETURN_IF_ERROR(Serde<Table>::validate(value));
  const auto& table = *flatbuffers::GetRoot<Table>(value.data());
  MILLRACE_RETURN_IF_ERROR(validate_key(Bytes(table.account()->string_view())));
  return validate_key(Bytes(table.territory()->string_view()));
}

template <class Table>
TopicUse table_use(Topic<std::string, Table> topic, Status (*validate)(Bytes)) {
  TopicUse use{std::string(topic.name), type_info<std::string>(), type_info<Table>()};
  use.key.validate = &validate_key;
  use.value.validate = validate;
  return use;
}

const AccountState& state_in(Bytes bytes) {
  return *flatbuffers::GetRoot<AccountState>(bytes.data());
}

std::set<std::string_view> members_in(Bytes state) {
  std::set<std::string_view> ids;
  if (state.is_null()) return ids;
  if (state_in(state).members() == nullptr) return ids;
  for (const Member* member : *state_in(state).members()) ids.insert(member->id()->string_view());
  return ids;
}

std::string_view text_in(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : text->string_view();
}

bool is_same_field(const GoldenField& a, const GoldenField& b) {
  return text_in(a.value()) == text_in(b.value()) && a.type() == b.type();
}

using GoldenFields = flatbuffers::Vector<flatbuffers::Offset<GoldenField>>;

/// Calls `visit(name)` for each field that one state has and the other has not, or otherwise.
/// REQUIRES: both are sorted by name.
template <class Visit>
void each_difference(const GoldenFields& a, const GoldenFields& b, Visit&& visit) {
  auto x = a.begin();
  auto y = b.begin();
  while (x != a.end() || y != b.end()) {
    const int order = x == a.end()   ? 1
                      : y == b.end() ? -1
                                     : x->name()->string_view().compare(y->name()->string_view());
    if (order != 0 || !is_same_field(**x, **y)) {
      visit((order <= 0 ? *x : *y)->name()->string_view());
    }
    if (order <= 0) ++x;
    if (order >= 0) ++y;
  }
}

bool has_same_members(const AccountState& a, const AccountState& b) {
  if (a.members() == nullptr || b.members() == nullptr) return a.members() == b.members();
  const auto is_same = [](const Member* x, const Member* y) {
    return x->id()->string_view() == y->id()->string_view();
  };
  return a.members()->size() == b.members()->size() &&
         std::equal(a.members()->begin(), a.members()->end(), b.members()->begin(), is_same);
}

/// Whether all that territories come from is the same: most changes of a state are of its children,
/// or of fields that no rule mentions.
bool is_same_to_rules(const AccountState& a, const AccountState& b,
                      const territory::AccountTerritories& territories) {
  if (a.status() != b.status() || !has_same_members(a, b)) return false;
  if (a.fields() == nullptr || b.fields() == nullptr) return a.fields() == b.fields();
  bool is_same = true;
  each_difference(*a.fields(), *b.fields(), [&](std::string_view name) {
    is_same = is_same && !territories.depends_on(name);
  });
  return is_same;
}

void sort_unique(std::vector<std::string>& ids) {
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

class TerritoryAssigner final : public Processor, private territory::AccountSource {
 public:
  TerritoryAssigner(std::string state_store, TerritoryOptions options)
      : state_store_(std::move(state_store)), options_(std::move(options)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    states_ = &context.store(state_store_);
    KeyValueStore& index = context.store(kTerritoryIndexStore);
    members_.emplace(index);
    territories_.emplace(
        territory::AccountTerritories::Stores{index, context.store(kAccountTerritoryStore)},
        static_cast<territory::AccountSource&>(*this), options_.types);
    load_rules();
    for (const ChoiceTopic& topic : kChoiceTopics) {
      choices_.load(topic.kind, context.broadcast(topic.name));
    }
    // Two units, so that a slice that fails takes no change of rules back.
    context.schedule(TimeKind::kWall, options_.slice_interval_ms, [this](int64_t) { catch_up(); });
    context.schedule(TimeKind::kWall, options_.slice_interval_ms, [this](int64_t) { do_slice(); });
  }

  void process(const Record& record) override {
    apply_rules(record.timestamp_ms);
    if (!record.value.is_null() && !record.old_value.is_null() &&
        is_same_to_rules(state_in(record.old_value), state_in(record.value), *territories_)) {
      return;
    }
    const std::string_view root = record.key.view();
    members_->replace(root, members_in(record.old_value), members_in(record.value),
                      record.timestamp_ms);
    territories_->align(root, record.timestamp_ms, emit_at(record.timestamp_ms));
    for (size_t i = 0; i < territories_->incomparable(); ++i) {
      context().count_dropped("incomparable_value");
    }
  }

  void on_change(const BroadcastChange& change) override {
    for (const DefinitionTopic& topic : kDefinitionTopics) {
      if (topic.name != change.table) continue;
      return feed_->add(topic.kind, change.key.view(), change.value, change.timestamp_ms);
    }
    for (const ChoiceTopic& topic : kChoiceTopics) {
      if (topic.name == change.table) take_choice(topic.kind, change);
    }
  }

  void on_reset(std::string_view table) override {
    const int64_t now_ms = job_time_ms();
    for (const DefinitionTopic& topic : kDefinitionTopics) {
      if (topic.name != table) continue;
      return feed_->add_differences(topic.kind, context().broadcast(table), now_ms);
    }
    for (const ChoiceTopic& topic : kChoiceTopics) {
      if (topic.name != table) continue;
      settle_rules();
      choices_.load(topic.kind, context().broadcast(table));
      territories_->note_choices(now_ms);
      territories_->doubt_all(now_ms);
    }
  }

 private:
  bool read(std::string_view root, AccountImage& image) override {
    const Row row = states_->get(root);
    if (!row || state_in(row.value).status() != AccountStatus::Active) return false;
    state_.assign(row.value.view());
    const AccountState& state = state_in(Bytes(state_));
    if (state.fields() == nullptr || state.members() == nullptr) return false;
    for (const GoldenField* field : *state.fields()) {
      auto& added = image.fields.emplace_back();
      added.name = field->name()->string_view();
      if (field->value() != nullptr) added.value = field->value()->string_view();
      added.type = field->type();
    }
    for (const Member* member : *state.members()) {
      choices_.collect(member->id()->string_view(), image.choices);
    }
    sort_unique(image.choices.manual);
    sort_unique(image.choices.excluded);
    return true;
  }

  void take_choice(ChoiceKind kind, const BroadcastChange& change) {
    settle_rules();
    territories_->note_choices(change.timestamp_ms);
    // Which account the row that was met last was about, nobody can tell.
    if (!change.is_old_known) territories_->doubt_all(change.timestamp_ms);
    for (const std::string& account : choices_.put(kind, change.key.view(), change.value)) {
      for (const std::string& root : members_->roots_of(account)) {
        territories_->align(root, change.timestamp_ms, emit_at(change.timestamp_ms));
      }
    }
  }

  void catch_up() {
    const int64_t now_ms = job_time_ms();
    apply_rules(now_ms);
    territories_->settle_choices(now_ms);
  }

  void do_slice() {
    settle_rules();
    if (!territories_->is_pending()) return;
    const int64_t now_ms = job_time_ms();
    territories_->run_slice(options_.slice_accounts, now_ms, emit_at(now_ms));
  }

  /// Of what no record is the reason of.
  int64_t job_time_ms() { return std::max(context().stream_time_ms(), feed_->taken_ms()); }

  void load_rules() {
    feed_.emplace(context().store(kTerritoryRuleStore), options_.runs);
    territories_->load(territories_->version(), feed_->applied(), feed_->taken_ms());
  }

  /// A unit that was undone took back what it had changed in the stores, not the rules in memory.
  void settle_rules() {
    if (territories_->is_ahead()) load_rules();
  }

  void apply_rules(int64_t timestamp_ms) {
    settle_rules();
    const std::vector<territory::RuleSetChange> changes = feed_->take();
    if (changes.empty()) return;
    const std::vector<territory::RuleProblem> problems =
        territories_->change(territories_->version() + 1, changes, timestamp_ms);
    if (context().task().partition != 0) return;
    for (const territory::RuleProblem& problem : problems) report(problem, timestamp_ms);
  }

  void report(const territory::RuleProblem& problem, int64_t timestamp_ms) {
    builder_.Clear();
    const auto ids = builder_.CreateVectorOfStrings(std::vector<std::string>{problem.id});
    const auto version = write_version(builder_, VersionView{feed_->taken_ms(), 0, {}});
    const auto text = builder_.CreateString(problem.message);
    const Bytes conflict = finish_aligned(
        builder_, CreateConflict(builder_, ConflictKind::TerritoryRuleFault, ids, version, text));
    context().forward_to(kConflictsChild, {.key = problem.id,
                                           .value = conflict,
                                           .old_value = {},
                                           .timestamp_ms = timestamp_ms,
                                           .headers = {}});
  }

  AssignmentRows::Emit emit_at(int64_t timestamp_ms) {
    return [this, timestamp_ms](Bytes key, Bytes row, Bytes old_row) {
      context().forward_to(kRowsChild, {.key = key,
                                        .value = row,
                                        .old_value = old_row,
                                        .timestamp_ms = timestamp_ms,
                                        .headers = {}});
    };
  }

  std::string state_store_;
  TerritoryOptions options_;
  KeyValueStore* states_ = nullptr;
  std::optional<territory::MemberIndex> members_;
  std::optional<territory::RuleFeed> feed_;
  std::optional<territory::AccountTerritories> territories_;
  territory::ChoiceTable choices_;
  std::string state_;
  flatbuffers::FlatBufferBuilder builder_;
};

std::string cursor_store() {
  return std::string(kNodeName) + "-cursors";
}

/// Of `territory::assignment_key`.
Bytes root_of_row(Bytes key) {
  return Bytes(key.view().substr(0, key.view().find('\0')));
}

}  // namespace

std::vector<TopicUse> territory_tables() {
  return {table_use(kTerritoryModels, &validate_definition<TerritoryModel>),
          table_use(kTerritories, &validate_definition<Territory>),
          table_use(kTerritoryRules, &validate_definition<TerritoryRule>),
          table_use(kRuleTerritories, &validate_definition<RuleTerritory>),
          table_use(kManualTerritories, &validate_choice<ManualTerritory>),
          table_use(kTerritoryExclusions, &validate_choice<TerritoryExclusion>)};
}

std::vector<StoreSpec> territory_stores() {
  StoreSpec assignments = store_under_ids<AccountTerritory>(kAccountTerritoryStore);
  assignments.indexes = {assignments_by_territory()};
  StoreSpec index =
      store_of<RawBytes>(kTerritoryIndexStore, &territory::AccountTerritories::check_index_row);
  index.derived_rows = territory::AccountIndex::derived_rows();
  index.partition_key = [](Bytes key) {
    return Bytes(territory::AccountIndex::root_of(key.view()));
  };
  return {store_of<RawBytes>(kTerritoryRuleStore, &territory::RuleFeed::check_row),
          std::move(index), std::move(assignments),
          StoreSpec{.name = cursor_store(), .key = {}, .value = {}}};
}

void add_territories(Nodes& nodes, NodeIndex aggregator, std::string_view state_store,
                     TerritoryOptions options) {
  const auto make = [states = std::string(state_store), options = std::move(options)] {
    return std::make_unique<TerritoryAssigner>(states, options);
  };
  const std::string cursors = cursor_store();
  const NodeIndex assigner = nodes.processor(
      std::string(kNodeName), make, {aggregator},
      {state_store, kTerritoryRuleStore, kTerritoryIndexStore, kAccountTerritoryStore, cursors});
  for (const TopicUse& table : territory_tables()) {
    nodes[assigner].broadcasts.push_back(table.name);
  }
  nodes[assigner].cursors = cursors;
  const NodeIndex rows =
      nodes.sink("account-territories-out", use_of(kAccountTerritories), assigner, true);
  nodes[rows].partition_key = &root_of_row;
  nodes.sink("territory-rule-faults", use_of(kConflicts), assigner, false);
}

}  // namespace millrace::crm
