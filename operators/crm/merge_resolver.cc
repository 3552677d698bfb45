#include "crm/merge_resolver.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "crm/encode.h"
#include "crm/merge_forest.h"

namespace millrace::crm {
namespace {

std::string conflict_text(const OwnedConflict& conflict) {
  std::string edge = "the merge of " + conflict.ids[0] + " into " + conflict.ids[1];
  switch (conflict.kind) {
    case ConflictKind::CycleEdgeInactive:
      return edge + " is left out: it is the oldest of a cycle of merges";
    case ConflictKind::CycleResolved:
      return edge + " is no longer left out";
    case ConflictKind::Split:
      return conflict.ids[0] + " was split and stands for itself; its merge is undone";
    case ConflictKind::ResyncNeeded:
    case ConflictKind::TerritoryRuleFault:
      break;  // says nothing about merges
  }
  return edge;
}

class MergeResolver final : public Processor {
 public:
  explicit MergeResolver(std::string forest_store) : forest_store_(std::move(forest_store)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    forest_.emplace(context.store(forest_store_));
  }

  void process(const Record& record) override {
    if (record.value.is_null()) return context().count_dropped("null_value");
    const Result<OwnedMergeFact> fact =
        read_merge_fact(*flatbuffers::GetRoot<MergeFact>(record.value.data()));
    if (!fact.ok()) throw std::invalid_argument(fact.message());
    const ForestChanges changes = forest_->apply(*fact, record.timestamp_ms);
    for (const OwnedRedirect& redirect : changes.redirects) send(redirect, record.timestamp_ms);
    for (const OwnedConflict& conflict : changes.conflicts) send(conflict, record.timestamp_ms);
  }

 private:
  void send(const OwnedRedirect& redirect, int64_t timestamp_ms) {
    builder_.Clear();
    const auto id = builder_.CreateString(redirect.id);
    const auto survivor = write_text(builder_, redirect.survivor);
    const auto root = builder_.CreateString(redirect.root);
    const auto version = redirect.decision == RedirectDecision::None
                             ? flatbuffers::Offset<Version>()
                             : write_version(builder_, redirect.version.view());
    const Bytes value = finish_aligned(
        builder_, CreateRedirect(builder_, id, survivor, root, redirect.decision, version));
    context().forward_to(kRedirectsChild, {.key = redirect.id,
                                           .value = value,
                                           .old_value = {},
                                           .timestamp_ms = timestamp_ms,
                                           .headers = {}});
  }

  void send(const OwnedConflict& conflict, int64_t timestamp_ms) {
    builder_.Clear();
    const auto ids = builder_.CreateVectorOfStrings(conflict.ids);
    const auto version = write_version(builder_, conflict.version.view());
    const auto text = builder_.CreateString(conflict_text(conflict));
    const Bytes value =
        finish_aligned(builder_, CreateConflict(builder_, conflict.kind, ids, version, text));
    context().forward_to(kConflictsChild, {.key = conflict.ids.front(),
                                           .value = value,
                                           .old_value = {},
                                           .timestamp_ms = timestamp_ms,
                                           .headers = {}});
  }

  std::string forest_store_;
  std::optional<MergeForest> forest_;
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace

ProcessorFactory merge_resolver(std::string forest_store) {
  return [forest_store] { return std::make_unique<MergeResolver>(forest_store); };
}

}  // namespace millrace::crm
