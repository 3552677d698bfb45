#include "crm/signals/signal_topology.h"

#include <string>
#include <utility>

#include "child_update_generated.h"
#include "crm/checks/record_checks.h"
#include "crm/checks/row_checks.h"
#include "crm/children/child_topology.h"
#include "crm/signals/account_signals.h"
#include "crm/signals/child_moves.h"
#include "crm/signals/transaction_merges.h"
#include "merge_signal_generated.h"

namespace millrace::crm {

Result<SignalSources> signal_sources(const Mapping& mapping, const ParentFields& parents,
                                     int64_t window_ms) {
  SignalSources sources{.window_ms = window_ms};
  bool has_accounts = false;
  for (const TopicMapping& topic : mapping.topics) {
    sources.ends = sources.ends || is_of_transactions(topic);
    for (const auto& [name, entity] : topic.entities) {
      if (entity.kind != EntityKind::kAccount) continue;
      has_accounts = true;
      if (entity.master.empty()) continue;
      if (!sources.master_field.empty() && sources.master_field != entity.master) {
        std::string reason = topic.topic;
        reason.append(", entity '").append(name).append("': its master '").append(entity.master);
        reason.append("' is called '").append(sources.master_field);
        reason.append("' elsewhere; accounts have one name for it");
        return Error{ErrorCode::kConfig, std::move(reason)};
      }
      sources.master_field = entity.master;
    }
  }
  sources.transactions = window_ms > 0 && has_accounts && parents != ParentFields{};
  sources.ends = sources.ends && sources.transactions;
  return sources;
}

std::vector<StoreSpec> signal_stores(const SignalSources& sources) {
  if (!sources.transactions) return {};
  StoreSpec past_parents = store_of<PastParent>(kPastParentStore, &check_past_parent);
  past_parents.partition_key = [](Bytes key) { return id_in_child_key(root_in_key(key)); };
  return {store_under_ids<RawBytes>(kTransactionStore, &check_transaction_row),
          std::move(past_parents), timer_store(kTransactionTimers), timer_store(kPastParentTimers)};
}

void add_signals(Nodes& nodes, const SignalSources& sources, const ParentFields& parents,
                 NodeIndex account_changes, std::string_view row_store,
                 std::optional<NodeIndex> child_changes, const std::vector<NodeIndex>& end_decoders,
                 NodeIndex facts) {
  std::vector<std::string_view> stores;
  if (!sources.master_field.empty()) stores.push_back(row_store);
  const NodeIndex accounts =
      nodes.processor("account-signals",
                      account_signals(sources.master_field, std::string(row_store), sources.ends),
                      {account_changes}, stores, stores);
  nodes.connect(accounts, facts);
  if (!sources.transactions) return;
  const NodeIndex moves = nodes.processor(
      "child-moves",
      child_moves(parents,
                  {.rows = std::string(kChildRowStore),
                   .erasures = std::string(kChildErasureStore),
                   .parents = std::string(kPastParentStore),
                   .timers = std::string(kPastParentTimers)},
                  sources.window_ms, sources.ends),
      {*child_changes}, {kChildRowStore, kChildErasureStore, kPastParentStore, kPastParentTimers},
      {kChildRowStore});
  std::vector<NodeIndex> senders{accounts, moves};
  senders.insert(senders.end(), end_decoders.begin(), end_decoders.end());
  const NodeIndex by_transaction = nodes.exchange<TransactionPart>(
      "merge-transactions", &check_transaction_part, std::move(senders));
  const NodeIndex merges = nodes.processor(
      "transaction-merges",
      transaction_merges(
          {.parts = std::string(kTransactionStore), .timers = std::string(kTransactionTimers)},
          sources.window_ms),
      {by_transaction}, {kTransactionStore, kTransactionTimers});
  nodes.connect(merges, facts);
}

}  // namespace millrace::crm
