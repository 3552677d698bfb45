#include "crm/account_topology.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "crm/accounts/account_aggregator.h"
#include "crm/accounts/member_router.h"
#include "crm/accounts/row_materializer.h"
#include "crm/checks/input_checks.h"
#include "crm/checks/record_checks.h"
#include "crm/checks/row_checks.h"
#include "crm/children/child_topology.h"
#include "crm/decode/change_decoder.h"
#include "crm/entitlement/entitlement_topology.h"
#include "crm/erasure/erasure_topology.h"
#include "crm/indexes/crm_indexes.h"
#include "crm/merges/merge_forest.h"
#include "crm/merges/merge_resolver.h"
#include "crm/model/account_row.h"
#include "crm/model/ids.h"
#include "crm/model/topology_nodes.h"
#include "crm/signals/signal_topology.h"
#include "crm/tables/table_topology.h"
#include "crm/territory/territory_assigner.h"
#include "table_floor_generated.h"

namespace millrace::crm {
namespace {

std::string_view victim_id(Bytes value) {
  return flatbuffers::GetRoot<MergeFact>(value.data())->victim()->string_view();
}

/// Keys records by an id in their value, since the keys that sources write are not reliable.
class KeyByValue final : public Processor {
 public:
  using IdOf = std::string_view (*)(Bytes value);
  explicit KeyByValue(IdOf id_of) : id_of_(id_of) {}

  void process(const Record& record) override {
    if (record.value.is_null()) return context().count_dropped("null_value");
    key_.assign(id_of_(record.value));
    Record keyed = record;
    keyed.key = key_;
    context().forward(keyed);
  }

 private:
  IdOf id_of_;
  std::string key_;
};

ProcessorFactory key_by_value(KeyByValue::IdOf id_of) {
  return [id_of] { return std::make_unique<KeyByValue>(id_of); };
}

void add_merge_resolution(Nodes& nodes, UnmergedChildren children) {
  TopicUse facts = use_of(kMergeFacts);
  facts.value.validate = &validate_merge_fact;
  const NodeIndex source = nodes.source("merge-facts", facts);
  const NodeIndex keyed = nodes.processor("merge-fact-keys", key_by_value(&victim_id), {source});
  const NodeIndex exchange =
      nodes.exchange<MergeFact>("merge-facts-to-resolver", &check_merge_fact_record, {keyed}, 1);
  const NodeIndex resolver =
      nodes.processor("merge-resolver", merge_resolver(std::string(kForestStore), children),
                      {exchange}, {kForestStore});
  nodes.sink("redirects-out", use_of(kRedirects), resolver, true);
  nodes.sink("conflicts-out", use_of(kConflicts), resolver, false);
}

struct DecodedTopics {
  NodeIndex accounts = 0;             ///< AccountChanges by id
  std::optional<NodeIndex> children;  ///< AccountChanges by `child_key`
  std::optional<NodeIndex> tables;    ///< TableEvents by log
  std::vector<NodeIndex> ends;        ///< decoders of ends of transactions
};

/// Every topic of the mapping, decoded and by record id, whatever partitions the topics have.
DecodedTopics add_decoding(Nodes& nodes, const std::shared_ptr<const Mapping>& mapping,
                           bool has_children, const std::shared_ptr<MappingReport>& report) {
  std::vector<NodeIndex> decoders;
  std::vector<NodeIndex> of_sources;
  for (size_t i = 0; i < mapping->topics.size(); ++i) {
    const std::string& topic = mapping->topics[i].topic;
    const NodeIndex source =
        nodes.source(topic, {topic, type_info<RawBytes>(), type_info<RawBytes>()});
    decoders.push_back(
        nodes.processor("decode-" + topic, change_decoder(mapping, i, report), {source}));
  }
  DecodedTopics decoded;
  decoded.accounts =
      nodes.exchange<AccountChange>("accounts-by-id", &check_account_change, decoders);
  for (size_t i = 0; i < mapping->topics.size(); ++i) {
    // Our own format has accounts only, and says neither of whole tables nor of resyncs.
    if (mapping->topics[i].format == RawFormat::kFlatbuffers) continue;
    nodes.sink("resyncs-of-" + mapping->topics[i].topic, use_of(kConflicts), decoders[i], false);
    of_sources.push_back(decoders[i]);
    if (is_of_transactions(mapping->topics[i])) decoded.ends.push_back(decoders[i]);
  }
  if (has_children) {
    decoded.children =
        nodes.exchange<AccountChange>("children-by-record", &check_child_change, of_sources);
    nodes[*decoded.children].partition_key = &id_in_child_key;
  }
  if (!of_sources.empty()) {
    decoded.tables =
        nodes.exchange<TableEvent>("tables-by-log", &check_table_event, std::move(of_sources));
  }
  return decoded;
}

/// The nodes that other parts of the topology continue from. Both send records keyed by root.
struct AccountFlow {
  NodeIndex account_states = 0;               ///< AccountState changes
  std::optional<NodeIndex> children_by_root;  ///< ChildUpdates; none: the mapping has no children
  std::optional<NodeIndex> tables;            ///< TableEvents by log; none: no source has any
};

AccountFlow add_account_flow(Nodes& nodes, const std::shared_ptr<const Mapping>& mapping,
                             const ParentFields& parents, const SignalSources& signals,
                             const AccountOptions& options) {
  const std::string rows(kRowStore);
  const std::string redirects(kRedirectStore);
  const bool has_children = parents != ParentFields{};
  const DecodedTopics decoded = add_decoding(nodes, mapping, has_children, options.mapping_report);
  if (signals.any()) {
    add_signals(nodes, signals, parents, decoded.accounts, rows, decoded.children, decoded.ends,
                nodes.find("merge-facts-to-resolver"));
  }
  const std::string_view floors = decoded.tables ? kTableFloorStore : std::string_view();
  std::vector<std::string_view> row_stores{kRowStore, kErasureStore};
  if (decoded.tables) row_stores.push_back(floors);
  const NodeIndex materializer = nodes.processor(
      "row-materializer", row_materializer(rows, std::string(kErasureStore), std::string(floors)),
      {decoded.accounts}, row_stores, {kRowStore});
  nodes[materializer].keeps_key = true;
  const NodeIndex from_row = nodes.processor("row-router", row_router(redirects), {materializer},
                                             {kRedirectStore}, {kRedirectStore});
  TopicUse redirect_topic = nodes.output(use_of(kRedirects));
  redirect_topic.check = &check_redirect;
  const NodeIndex redirect_source = nodes.source("redirects", std::move(redirect_topic));
  const NodeIndex from_redirect =
      nodes.processor("redirect-router", redirect_router(redirects, rows), {redirect_source},
                      {kRedirectStore, kRowStore}, {kRedirectStore, kRowStore});
  const NodeIndex by_root = nodes.exchange<MemberUpdate>("members-by-root", &check_member_update,
                                                         {from_row, from_redirect});
  AccountFlow flow;
  flow.tables = decoded.tables;
  AggregatorStores stores{.members = std::string(kMemberStore),
                          .states = std::string(kAccountStateStore),
                          .erasures = std::string(kErasureStore),
                          .grace_timers = std::string(kDeleteGraceTimers)};
  std::vector<std::string_view> store_names{kMemberStore, kAccountStateStore, kErasureStore,
                                            kDeleteGraceTimers};
  std::vector<NodeIndex> aggregator_parents{by_root};
  if (has_children) {
    const NodeIndex index = add_child_index(nodes, *decoded.children, parents, floors);
    flow.children_by_root =
        add_child_counter(nodes, index, from_redirect, options.child_move_slice);
    aggregator_parents.push_back(*flow.children_by_root);
    stores.child_counts = kChildCountStore;
    store_names.push_back(kChildCountStore);
  }
  flow.account_states =
      nodes.processor("account-aggregator",
                      account_aggregator(stores, mapping->survivorship, options.delete_grace_ms),
                      aggregator_parents, store_names, {kAccountStateStore});
  nodes.sink("account-states-out", use_of(kAccountStates), flow.account_states, true);
  TerritoryOptions territories = options.territories;
  for (const auto& [field, type] : mapping->field_types(EntityKind::kAccount)) {
    territories.types.declare(field, type);
  }
  add_territories(nodes, flow.account_states, kAccountStateStore, std::move(territories));
  return flow;
}

/// Error: `kConfig`: a field that no index can be called after.
Result<StoreSpec> account_state_store(const std::vector<IndexedField>& fields) {
  StoreSpec store = store_of<AccountState>(kAccountStateStore);
  store.indexes.push_back(accounts_by_members());
  for (const IndexedField& field : fields) {
    IndexSpec index = accounts_by_field(field);
    if (!is_legal_name(index.name, kNameLengthMax)) {
      return Error{ErrorCode::kConfig, "crm.index.fields: no index can be called after '" +
                                           field.name +
                                           "', which has other characters than a-z A-Z 0-9 . _ -"};
    }
    store.indexes.push_back(std::move(index));
  }
  return store;
}

}  // namespace

Mapping default_mapping() {
  return flatbuffers_mapping(kAccounts.name);
}

Result<Topology> account_topology(Mapping mapping, const AccountOptions& options) {
  std::vector<TopicUse> tables = territory_tables();
  std::vector<std::string> ours{std::string(kMergeFacts.name), std::string(kProductFeatures.name),
                                std::string(kErasures.name)};
  for (const TopicUse& table : tables) ours.push_back(table.name);
  for (const std::string_view output : kOutputs) {
    ours.emplace_back(output);
    ours.push_back(output_topic(output, options.output_prefix));
  }
  for (const TopicMapping& topic : mapping.topics) {
    if (std::ranges::find(ours, topic.topic) == ours.end()) continue;
    return Error{ErrorCode::kConfig,
                 "the mapping reads topic '" + topic.topic + "', which the job uses itself"};
  }
  const Result<ParentFields> parents = parent_fields(mapping);
  if (!parents.ok()) return parents.status();
  const Result<SignalSources> signals =
      signal_sources(mapping, *parents, options.merge_inference_window_ms);
  if (!signals.ok()) return signals.status();
  Result<StoreSpec> account_states =
      account_state_store(indexed_fields(mapping, options.indexed_fields));
  if (!account_states.ok()) return account_states.status();
  Nodes nodes(options.output_prefix);
  add_merge_resolution(nodes, options.unmerged_children);
  const AccountFlow flow = add_account_flow(
      nodes, std::make_shared<const Mapping>(std::move(mapping)), *parents, *signals, options);
  std::vector<StoreSpec> stores{store_of<RawBytes>(kForestStore, &check_forest_row),
                                store_of<AccountRow>(kRowStore, &check_account_row),
                                store_of<Redirect>(kRedirectStore, &check_redirect_row),
                                store_under_ids<MemberUpdate>(kMemberStore),
                                *std::move(account_states),
                                store_of<Erasure>(kErasureStore),
                                timer_store(kDeleteGraceTimers)};
  const bool has_children = flow.children_by_root.has_value();
  if (flow.tables) {
    add_tables(nodes, *flow.tables, has_children, options.tables);
    std::ranges::move(table_stores(has_children), std::back_inserter(stores));
  }
  add_erasure(nodes, *parents, options.unmerged_children);
  if (has_children) std::ranges::move(child_stores(), std::back_inserter(stores));
  std::ranges::move(signal_stores(*signals), std::back_inserter(stores));
  std::ranges::move(territory_stores(), std::back_inserter(stores));
  if (has_grants(*parents)) {
    add_entitlements(nodes, flow.account_states, *flow.children_by_root);
    std::ranges::move(entitlement_stores(), std::back_inserter(stores));
    tables.push_back(use_of(kProductFeatures));
  }
  return Topology::create("crm-accounts", nodes.take(), std::move(stores), std::move(tables));
}

}  // namespace millrace::crm
