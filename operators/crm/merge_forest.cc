#include "crm/merge_forest.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "millrace/core/serde.h"

#include "crm/ids.h"
#include "forest_node_generated.h"

namespace millrace::crm {
namespace {

std::string text_of(const flatbuffers::String* text) {
  return text == nullptr ? std::string() : text->str();
}

OwnedMergeFact copy_fact(const MergeFact& fact) {
  OwnedMergeFact copy{.victim = fact.victim()->str(),
                      .version = OwnedVersion(view_of(*fact.version())),
                      .kind = fact.kind()};
  if (fact.kind() == MergeFactKind::Merge) copy.survivor = text_of(fact.survivor());
  if (fact.kind() == MergeFactKind::Split && fact.successors() != nullptr) {
    for (const flatbuffers::String* successor : *fact.successors()) {
      copy.successors.push_back(successor->str());
    }
    std::ranges::sort(copy.successors);
    copy.successors.erase(std::unique(copy.successors.begin(), copy.successors.end()),
                          copy.successors.end());
  }
  return copy;
}

struct ForestEntry {
  std::string root;
  std::optional<OwnedMergeFact> fact{};
  bool active = false;

  bool is_merge() const { return fact && fact->kind == MergeFactKind::Merge; }
  bool is_inactive_edge() const { return is_merge() && !active; }
  friend bool operator==(const ForestEntry&, const ForestEntry&) = default;
};

std::string node_key(std::string_view id) {
  return std::string("n").append(id);
}
std::string inbound_prefix(std::string_view survivor) {
  return std::string("i").append(survivor).append(1, '\0');
}

std::string erased_key(std::string_view id) {
  return std::string("e").append(id);
}

bool is_erased(KeyValueStore& store, std::string_view id, const OwnedVersion& version) {
  const Row mark = store.get(erased_key(id));
  return mark && version.commit_timestamp_ms <= Serde<int64_t>::view(mark.value);
}

/// What a fact says without erased ids; nullopt: nothing.
std::optional<OwnedMergeFact> without_erased(KeyValueStore& store, const OwnedMergeFact& fact) {
  if (!store.prefix("e")->valid()) return fact;
  if (is_erased(store, fact.victim, fact.version)) return std::nullopt;
  OwnedMergeFact left = fact;
  if (!fact.survivor.empty() && is_erased(store, fact.survivor, fact.version)) {
    left.survivor.clear();
    left.kind = MergeFactKind::Unmerge;
  }
  std::erase_if(left.successors,
                [&](const std::string& id) { return is_erased(store, id, fact.version); });
  if (left.kind == MergeFactKind::Split && left.successors.empty()) {
    left.kind = MergeFactKind::Unmerge;
  }
  return left;
}

ForestEntry decode_node(Bytes bytes) {
  const auto& node = *flatbuffers::GetRoot<ForestNode>(bytes.data());
  ForestEntry entry{.root = node.root()->str(), .active = node.active()};
  if (node.fact() != nullptr) entry.fact = copy_fact(*node.fact());
  return entry;
}

flatbuffers::Offset<MergeFact> write_fact(flatbuffers::FlatBufferBuilder& builder,
                                          const OwnedMergeFact& fact) {
  const auto victim = builder.CreateString(fact.victim);
  const auto survivor = fact.survivor.empty() ? flatbuffers::Offset<flatbuffers::String>()
                                              : builder.CreateString(fact.survivor);
  using Successors = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;
  const auto successors = fact.successors.empty() ? flatbuffers::Offset<Successors>()
                                                  : builder.CreateVectorOfStrings(fact.successors);
  const auto version = write_version(builder, fact.version.view());
  return CreateMergeFact(builder, victim, fact.kind, survivor, successors, version);
}

OwnedRedirect redirect_of(std::string_view id, const ForestEntry& entry) {
  OwnedRedirect redirect{.id = std::string(id), .root = entry.root};
  if (!entry.fact) return redirect;
  redirect.version = entry.fact->version;
  switch (entry.fact->kind) {
    case MergeFactKind::Merge:
      redirect.decision = entry.active ? RedirectDecision::Merged : RedirectDecision::CycleInactive;
      if (entry.active) redirect.survivor = entry.fact->survivor;
      break;
    case MergeFactKind::Unmerge:
      redirect.decision = RedirectDecision::Unmerged;
      break;
    case MergeFactKind::Split:
      redirect.decision = RedirectDecision::Split;
      break;
  }
  return redirect;
}

/// The nodes that one fact touches, with what they were; written back by `finish`.
class ForestEdit {
 public:
  ForestEdit(KeyValueStore& store, int64_t event_time_ms)
      : store_(store), event_time_ms_(event_time_ms) {}

  void apply(const OwnedMergeFact& fact);
  void erase(const std::string& id, int64_t through_ms);
  ForestChanges finish();

 private:
  struct Touched {
    std::optional<ForestEntry> before;
    ForestEntry now;
    bool is_gone = false;
  };

  Touched& load(const std::string& id);
  void decide(const OwnedMergeFact& fact);
  void replace_edge(const OwnedMergeFact& fact, Touched& victim);
  bool reopens_cycle(const std::string& root, const std::string& victim);
  std::string end_of_path(std::string id);
  std::string oldest_edge_of_cycle(const std::string& victim);
  void relabel(const std::string& top, const std::string& root);
  std::vector<std::string> victims_of(const std::string& id);
  std::vector<std::string> active_children(const std::string& id);
  void write(const std::string& id, const ForestEntry& entry);
  static void report(const std::string& id, const Touched& touched,
                     std::vector<OwnedConflict>& conflicts);

  KeyValueStore& store_;
  int64_t event_time_ms_;
  std::map<std::string, Touched> touched_;
  flatbuffers::FlatBufferBuilder builder_;
};

ForestEdit::Touched& ForestEdit::load(const std::string& id) {
  const auto [it, inserted] = touched_.try_emplace(id);
  Touched& touched = it->second;
  if (!inserted) return touched;
  if (const Row row = store_.get(node_key(id))) touched.before = decode_node(row.value);
  touched.now = touched.before.value_or(ForestEntry{.root = id});
  return touched;
}

void ForestEdit::apply(const OwnedMergeFact& fact) {
  if (!fact.survivor.empty()) load(fact.survivor);
  for (const std::string& successor : fact.successors) load(successor);
  const ForestEntry& victim = load(fact.victim).now;
  if (!victim.fact || *victim.fact < fact) decide(fact);
}

void ForestEdit::erase(const std::string& id, int64_t through_ms) {
  const auto is_old = [&](const OwnedMergeFact& fact) {
    return fact.version.commit_timestamp_ms <= through_ms;
  };
  const auto as_unmerge = [](OwnedMergeFact fact) {
    fact.kind = MergeFactKind::Unmerge;
    fact.survivor.clear();
    fact.successors.clear();
    return fact;
  };
  bool is_named = false;
  for (const std::string& victim : victims_of(id)) {
    const OwnedMergeFact fact = *load(victim).now.fact;
    if (is_old(fact)) {
      decide(as_unmerge(fact));
    } else {
      is_named = true;
    }
  }
  if (const auto fact = load(id).now.fact) {
    if (is_old(*fact)) {
      decide(as_unmerge(*fact));
      load(id).now.fact.reset();
    } else {
      is_named = true;
    }
  }
  load(id).is_gone = !is_named;
}

/// Takes the victim's edge out, puts the new one in, and relabels the one tree whose root moved:
/// all its nodes had one root before and have one root after.
void ForestEdit::decide(const OwnedMergeFact& fact) {
  Touched& victim = load(fact.victim);
  const bool was_active = victim.now.active;
  const std::string old_root = victim.now.root;
  if (was_active && reopens_cycle(old_root, fact.victim)) load(old_root).now.active = true;
  replace_edge(fact, victim);
  if (fact.kind != MergeFactKind::Merge) return relabel(fact.victim, fact.victim);

  // The label is right unless the survivor may be in the part that the old edge held.
  const std::string& label = load(fact.survivor).now.root;
  const std::string end = was_active && label == old_root ? end_of_path(fact.survivor) : label;
  if (end != fact.victim) {
    victim.now.active = true;
    return relabel(fact.victim, end);
  }
  const std::string oldest = oldest_edge_of_cycle(fact.victim);
  victim.now.active = true;
  load(oldest).now.active = false;
  relabel(oldest, oldest);
}

void ForestEdit::replace_edge(const OwnedMergeFact& fact, Touched& victim) {
  if (victim.now.is_merge()) {
    store_.erase(inbound_prefix(victim.now.fact->survivor) + fact.victim, event_time_ms_);
  }
  if (fact.kind == MergeFactKind::Merge) {
    store_.put(inbound_prefix(fact.survivor) + fact.victim, "", event_time_ms_);
  }
  victim.now.fact = fact;
  victim.now.active = false;
}

/// Whether `victim`'s active edge is on the cycle that `root`'s inactive edge would close.
bool ForestEdit::reopens_cycle(const std::string& root, const std::string& victim) {
  const ForestEntry& top = load(root).now;
  if (!top.is_inactive_edge()) return false;
  for (std::string id = top.fact->survivor; id != root; id = load(id).now.fact->survivor) {
    if (id == victim) return true;
  }
  return false;
}

std::string ForestEdit::end_of_path(std::string id) {
  for (const ForestEntry* entry = &load(id).now; entry->active; entry = &load(id).now) {
    id = entry->fact->survivor;
  }
  return id;
}

/// The victim whose edge is the oldest. REQUIRES: the path from `victim`'s survivor ends at
/// `victim`.
std::string ForestEdit::oldest_edge_of_cycle(const std::string& victim) {
  const auto age = [this](const std::string& id) {
    return std::pair(load(id).now.fact->version.view(), std::string_view(id));
  };
  std::string oldest = victim;
  for (std::string id = load(victim).now.fact->survivor; id != victim;
       id = load(id).now.fact->survivor) {
    if (age(id) < age(oldest)) oldest = id;
  }
  return oldest;
}

void ForestEdit::relabel(const std::string& top, const std::string& root) {
  if (load(top).now.root == root) return;
  std::vector<std::string> pending{top};
  while (!pending.empty()) {
    const std::string id = std::move(pending.back());
    pending.pop_back();
    load(id).now.root = root;
    for (std::string& child : active_children(id)) pending.push_back(std::move(child));
  }
}

std::vector<std::string> ForestEdit::victims_of(const std::string& id) {
  const std::string prefix = inbound_prefix(id);
  std::vector<std::string> victims;
  for (const auto it = store_.prefix(prefix); it->valid(); it->next()) {
    victims.emplace_back(it->key().view().substr(prefix.size()));
  }
  return victims;
}

std::vector<std::string> ForestEdit::active_children(const std::string& id) {
  std::vector<std::string> children = victims_of(id);
  std::erase_if(children, [this](const std::string& child) { return !load(child).now.active; });
  return children;
}

ForestChanges ForestEdit::finish() {
  ForestChanges changes;
  for (const auto& [id, touched] : touched_) {
    if (touched.is_gone) {
      if (!touched.before) continue;
      store_.erase(node_key(id), event_time_ms_);
      changes.erased.push_back(id);
      continue;
    }
    if (touched.before == touched.now) continue;
    write(id, touched.now);
    OwnedRedirect redirect = redirect_of(id, touched.now);
    if (!touched.before || redirect_of(id, *touched.before) != redirect) {
      changes.redirects.push_back(std::move(redirect));
    }
    report(id, touched, changes.conflicts);
  }
  return changes;
}

void ForestEdit::write(const std::string& id, const ForestEntry& entry) {
  builder_.Clear();
  const auto root = builder_.CreateString(entry.root);
  const auto fact =
      entry.fact ? write_fact(builder_, *entry.fact) : flatbuffers::Offset<MergeFact>();
  builder_.Finish(CreateForestNode(builder_, root, fact, entry.active));
  store_.put(node_key(id), Bytes(builder_.GetBufferPointer(), builder_.GetSize()), event_time_ms_);
}

void ForestEdit::report(const std::string& id, const Touched& touched,
                        std::vector<OwnedConflict>& conflicts) {
  const auto edge = [&id](ConflictKind kind, const OwnedMergeFact& fact) {
    return OwnedConflict{kind, {id, fact.survivor}, fact.version};
  };
  const ForestEntry& now = touched.now;
  const bool same_fact = touched.before && touched.before->fact == now.fact;
  const bool was_inactive = touched.before && touched.before->is_inactive_edge();
  if (was_inactive && !(same_fact && now.is_inactive_edge())) {
    conflicts.push_back(edge(ConflictKind::CycleResolved, *touched.before->fact));
  }
  if (now.is_inactive_edge() && !(same_fact && was_inactive)) {
    conflicts.push_back(edge(ConflictKind::CycleEdgeInactive, *now.fact));
  }
  if (!same_fact && now.fact && now.fact->kind == MergeFactKind::Split) {
    OwnedConflict split{ConflictKind::Split, {id}, now.fact->version};
    split.ids.insert(split.ids.end(), now.fact->successors.begin(), now.fact->successors.end());
    conflicts.push_back(std::move(split));
  }
}

}  // namespace

Result<OwnedMergeFact> read_merge_fact(const MergeFact& fact) {
  OwnedMergeFact copy = copy_fact(fact);
  const auto invalid = [](const char* what) { return Error{ErrorCode::kInvalidRecord, what}; };
  if (fact.kind() < MergeFactKind::MIN || fact.kind() > MergeFactKind::MAX) {
    return invalid("a merge fact of a kind that this version does not know");
  }
  if (!is_internal_id(copy.victim)) return invalid("a merge fact whose victim is not source:id");
  if (fact.kind() == MergeFactKind::Merge && !is_internal_id(copy.survivor)) {
    return invalid("a merge whose survivor is not source:id");
  }
  if (fact.kind() == MergeFactKind::Split && copy.successors.empty()) {
    return invalid("a split without successors");
  }
  if (!std::ranges::all_of(copy.successors, is_internal_id)) {
    return invalid("a split with a successor that is not source:id");
  }
  return copy;
}

ForestChanges MergeForest::apply(const OwnedMergeFact& fact, int64_t event_time_ms) {
  const std::optional<OwnedMergeFact> left = without_erased(store_, fact);
  if (!left) return {};
  ForestEdit edit(store_, event_time_ms);
  edit.apply(*left);
  return edit.finish();
}

ForestChanges MergeForest::erase(const std::string& id, int64_t through_ms, int64_t event_time_ms) {
  if (!is_erased(store_, id, {through_ms, 0, ""})) {
    std::string mark;
    Serde<int64_t>::encode(through_ms, mark);
    store_.put(erased_key(id), mark, event_time_ms);
  }
  ForestEdit edit(store_, event_time_ms);
  edit.erase(id, through_ms);
  ForestChanges changes = edit.finish();
  // Of what is forgotten nothing is told.
  std::erase_if(changes.conflicts, [&](const OwnedConflict& conflict) {
    return std::ranges::find(conflict.ids, id) != conflict.ids.end();
  });
  return changes;
}

std::optional<OwnedRedirect> MergeForest::find(std::string_view id) {
  const Row row = store_.get(node_key(id));
  if (!row) return std::nullopt;
  return redirect_of(id, decode_node(row.value));
}

}  // namespace millrace::crm
