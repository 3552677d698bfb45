#include "crm/account_topology.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "crm/account_aggregator.h"
#include "crm/account_row.h"
#include "crm/change_decoder.h"
#include "crm/member_router.h"
#include "crm/merge_forest.h"
#include "crm/merge_resolver.h"
#include "crm/row_materializer.h"
#include "crm/topology_nodes.h"

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

void add_merge_resolution(Nodes& nodes) {
  TopicUse facts = use_of(kMergeFacts);
  facts.value.validate = &validate_merge_fact;
  const NodeIndex source = nodes.source("merge-facts", facts);
  const NodeIndex keyed = nodes.processor("merge-fact-keys", key_by_value(&victim_id), source);
  const NodeIndex exchange =
      nodes.exchange("merge-facts-to-resolver", type_info<MergeFact>(), {keyed}, 1);
  const NodeIndex resolver = nodes.processor(
      "merge-resolver", merge_resolver(std::string(kForestStore)), exchange, {kForestStore});
  nodes.sink("redirects-out", use_of(kRedirects), resolver, true);
  nodes.sink("conflicts-out", use_of(kConflicts), resolver, false);
}

/// Every topic of the mapping, decoded and by record id, whatever partitions the topics have.
NodeIndex add_decoding(Nodes& nodes, const std::shared_ptr<const Mapping>& mapping) {
  std::vector<NodeIndex> decoders;
  for (size_t i = 0; i < mapping->topics.size(); ++i) {
    const std::string& topic = mapping->topics[i].topic;
    const NodeIndex source =
        nodes.source(topic, {topic, type_info<RawBytes>(), type_info<RawBytes>()});
    decoders.push_back(nodes.processor("decode-" + topic, change_decoder(mapping, i), source));
  }
  const NodeIndex by_id = nodes.exchange("accounts-by-id", type_info<AccountChange>(), decoders);
  for (size_t i = 0; i < mapping->topics.size(); ++i) {
    // Our own format has no way to say that a resync is needed.
    if (mapping->topics[i].format == RawFormat::kFlatbuffers) continue;
    nodes.sink("resyncs-of-" + mapping->topics[i].topic, use_of(kConflicts), decoders[i], false);
  }
  return by_id;
}

void add_account_flow(Nodes& nodes, const std::shared_ptr<const Mapping>& mapping,
                      SurvivorshipPolicy policy) {
  const std::string rows(kRowStore);
  const std::string redirects(kRedirectStore);
  const NodeIndex by_id = add_decoding(nodes, mapping);
  const NodeIndex materializer =
      nodes.processor("row-materializer", row_materializer(rows), by_id, {kRowStore}, {kRowStore});
  nodes[materializer].keeps_key = true;
  const NodeIndex from_row = nodes.processor("row-router", row_router(redirects), materializer,
                                             {kRedirectStore}, {kRedirectStore});
  const NodeIndex redirect_source = nodes.source("redirects", use_of(kRedirects));
  const NodeIndex from_redirect =
      nodes.processor("redirect-router", redirect_router(redirects, rows), redirect_source,
                      {kRedirectStore, kRowStore}, {kRedirectStore, kRowStore});
  const NodeIndex by_root =
      nodes.exchange("members-by-root", type_info<MemberUpdate>(), {from_row, from_redirect});
  const NodeIndex aggregator =
      nodes.processor("account-aggregator",
                      account_aggregator(std::string(kMemberStore), std::string(kAccountStateStore),
                                         std::move(policy)),
                      by_root, {kMemberStore, kAccountStateStore}, {kAccountStateStore});
  nodes.sink("account-states-out", use_of(kAccountStates), aggregator, true);
}

}  // namespace

Status validate_account_change(Bytes bytes) {
  MILLRACE_RETURN_IF_ERROR(Serde<AccountChange>::validate(bytes));
  return read_change(*flatbuffers::GetRoot<AccountChange>(bytes.data())).status();
}

Status validate_merge_fact(Bytes bytes) {
  MILLRACE_RETURN_IF_ERROR(Serde<MergeFact>::validate(bytes));
  return read_merge_fact(*flatbuffers::GetRoot<MergeFact>(bytes.data())).status();
}

Mapping default_mapping() {
  return flatbuffers_mapping(kAccounts.name);
}

Result<Topology> account_topology(Mapping mapping, SurvivorshipPolicy policy) {
  constexpr std::array kOurs{kMergeFacts.name, kRedirects.name, kAccountStates.name,
                             kConflicts.name};
  for (const TopicMapping& topic : mapping.topics) {
    if (std::ranges::find(kOurs, topic.topic) == kOurs.end()) continue;
    return Error{ErrorCode::kConfig,
                 "the mapping reads topic '" + topic.topic + "', which has another meaning here"};
  }
  Nodes nodes;
  add_merge_resolution(nodes);
  add_account_flow(nodes, std::make_shared<const Mapping>(std::move(mapping)), std::move(policy));
  return Topology::create("crm-accounts", nodes.take(),
                          {store_of<RawBytes>(kForestStore), store_of<AccountRow>(kRowStore),
                           store_of<Redirect>(kRedirectStore), store_of<MemberUpdate>(kMemberStore),
                           store_of<AccountState>(kAccountStateStore)});
}

}  // namespace millrace::crm
