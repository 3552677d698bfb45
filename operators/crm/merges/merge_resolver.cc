#include "crm/merges/merge_resolver.h"

#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "crm/model/encode.h"
#include "crm/model/erasure_report.h"

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
    case ConflictKind::TableSwept:
      break;  // says nothing about merges
  }
  return edge;
}

/// Sends what became of the forest on its ways.
class ForestNews {
 public:
  void send(ProcessorContext& context, const ForestChanges& changes, int64_t timestamp_ms) {
    for (const OwnedRedirect& redirect : changes.redirects) {
      send_to(context, kRedirectsChild, redirect.id, write(redirect), timestamp_ms);
    }
    for (const std::string& id : changes.erased) {
      send_to(context, kRedirectsChild, id, Bytes(), timestamp_ms);
    }
    for (const OwnedConflict& conflict : changes.conflicts) {
      send_to(context, kConflictsChild, conflict.ids.front(), write(conflict), timestamp_ms);
    }
  }

 private:
  Bytes write(const OwnedRedirect& redirect) {
    builder_.Clear();
    const auto id = builder_.CreateString(redirect.id);
    const auto survivor = write_text(builder_, redirect.survivor);
    const auto root = builder_.CreateString(redirect.root);
    const auto version = redirect.decision == RedirectDecision::None
                             ? flatbuffers::Offset<Version>()
                             : write_version(builder_, redirect.version.view());
    const auto stays = write_stays(builder_, redirect.stays);
    return finish_aligned(
        builder_, CreateRedirect(builder_, id, survivor, root, redirect.decision, version, stays));
  }

  Bytes write(const OwnedConflict& conflict) {
    builder_.Clear();
    const auto ids = builder_.CreateVectorOfStrings(conflict.ids);
    const auto version = write_version(builder_, conflict.version.view());
    const auto text = builder_.CreateString(conflict_text(conflict));
    return finish_aligned(builder_, CreateConflict(builder_, conflict.kind, ids, version, text));
  }

  static void send_to(ProcessorContext& context, MergeResolverChild child, const std::string& id,
                      Bytes value, int64_t timestamp_ms) {
    context.forward_to(
        child,
        {.key = id, .value = value, .old_value = {}, .timestamp_ms = timestamp_ms, .headers = {}});
  }

  flatbuffers::FlatBufferBuilder builder_;
};

class MergeResolver final : public Processor {
 public:
  MergeResolver(std::string forest_store, UnmergedChildren children)
      : forest_store_(std::move(forest_store)), children_(children) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    forest_.emplace(context.store(forest_store_), children_);
  }

  void process(const Record& record) override {
    if (record.value.is_null()) return context().count_dropped("null_value");
    const Result<OwnedMergeFact> fact =
        read_merge_fact(*flatbuffers::GetRoot<MergeFact>(record.value.data()));
    if (!fact.ok()) throw std::invalid_argument(fact.message());
    news_.send(context(), forest_->apply(*fact, record.timestamp_ms), record.timestamp_ms);
  }

 private:
  std::string forest_store_;
  UnmergedChildren children_;
  std::optional<MergeForest> forest_;
  ForestNews news_;
};

class MergeEraser final : public Processor {
 public:
  MergeEraser(std::string forest_store, std::string redirects_topic, UnmergedChildren children)
      : forest_store_(std::move(forest_store)),
        redirects_topic_(std::move(redirects_topic)),
        children_(children) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    forest_.emplace(context.store(forest_store_), children_);
  }

  void process(const Record& record) override {
    const auto& erasure = *flatbuffers::GetRoot<Erasure>(record.value.data());
    const std::string id = erasure.id()->str();
    const ForestChanges changes = forest_->erase(id, erasure.as_of_ms(), record.timestamp_ms);
    news_.send(context(), changes, record.timestamp_ms);
    const auto erased = static_cast<uint32_t>(changes.erased.size());
    const uint32_t kept = forest_->find(id) ? 1 : 0;
    const Bytes report =
        write_report(builder_, erasure, context().task(),
                     {{forest_store_, erased, kept}, {redirects_topic_, erased, kept}});
    context().forward_to(kMergeReportsChild, {.key = id,
                                              .value = report,
                                              .old_value = {},
                                              .timestamp_ms = record.timestamp_ms,
                                              .headers = {}});
  }

 private:
  std::string forest_store_;
  std::string redirects_topic_;
  UnmergedChildren children_;
  std::optional<MergeForest> forest_;
  ForestNews news_;
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace

ProcessorFactory merge_resolver(std::string forest_store, UnmergedChildren children) {
  return
      [forest_store, children] { return std::make_unique<MergeResolver>(forest_store, children); };
}

ProcessorFactory merge_eraser(std::string forest_store, std::string redirects_topic,
                              UnmergedChildren children) {
  return [forest_store, redirects_topic, children] {
    return std::make_unique<MergeEraser>(forest_store, redirects_topic, children);
  };
}

}  // namespace millrace::crm
