#include "crm/merges/merge_forest.h"

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "millrace/core/invalid_record.h"
#include "millrace/core/serde.h"

#include "crm/model/encode.h"
#include "forest_node_generated.h"

namespace millrace::crm {
namespace {

struct ForestEntry {
  std::string root;
  std::optional<OwnedMergeFact> fact{};
  bool active = false;
  std::vector<OwnedStay> stays{};

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

std::string facts_prefix(std::string_view victim) {
  return std::string("f").append(victim).append(1, '\0');
}

/// Of facts of one version and authority about one victim only the highest is kept: no other can
/// decide.
std::string fact_key(const OwnedMergeFact& fact) {
  std::string key = facts_prefix(fact.victim);
  key += static_cast<char>(fact.authority);
  return key += bytes_of(fact.version.view());
}

std::string erased_key(std::string_view id) {
  return std::string("e").append(id);
}

bool is_fact_erased(KeyValueStore& store, std::string_view id, const OwnedVersion& version) {
  const Row mark = store.get(erased_key(id));
  return mark && version.commit_timestamp_ms <= Serde<int64_t>::view(mark.value);
}

/// The fact without erased ids; nullopt: nothing is left.
std::optional<OwnedMergeFact> without_erased(KeyValueStore& store, const OwnedMergeFact& fact) {
  if (!store.prefix("e")->valid()) return fact;
  if (is_fact_erased(store, fact.victim, fact.version)) return std::nullopt;
  OwnedMergeFact left = fact;
  if (!fact.survivor.empty() && is_fact_erased(store, fact.survivor, fact.version)) {
    left.survivor.clear();
    left.kind = MergeFactKind::Unmerge;
  }
  std::erase_if(left.successors,
                [&](const std::string& id) { return is_fact_erased(store, id, fact.version); });
  if (left.kind == MergeFactKind::Split && left.successors.empty()) {
    left.kind = MergeFactKind::Unmerge;
  }
  return left;
}

ForestEntry decode_node(Bytes bytes) {
  const auto& node = *flatbuffers::GetRoot<ForestNode>(bytes.data());
  ForestEntry entry{.root = node.root()->str(), .active = node.active()};
  if (node.fact() != nullptr) entry.fact = copy_merge_fact(*node.fact());
  if (node.stays() == nullptr) return entry;
  for (const Stay* stay : *node.stays()) {
    entry.stays.push_back({OwnedVersion(view_of(*stay->from())),
                           OwnedVersion(view_of(*stay->until())), stay->survivor()->str(),
                           stay->root()->str()});
  }
  return entry;
}

OwnedRedirect redirect_of(std::string_view id, const ForestEntry& entry) {
  OwnedRedirect redirect{.id = std::string(id), .root = entry.root, .stays = entry.stays};
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
  ForestEdit(KeyValueStore& store, UnmergedChildren children, int64_t event_time_ms)
      : store_(store), children_(children), event_time_ms_(event_time_ms) {}

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
  bool keep(const OwnedMergeFact& fact);
  void put_fact(const OwnedMergeFact& fact);
  std::vector<OwnedMergeFact> facts_of(const std::string& victim);
  void unlink(const OwnedMergeFact& gone);
  bool forget_survivor(const std::string& id, const std::string& victim, int64_t through_ms);
  bool forget_victim(const std::string& id, int64_t through_ms);
  void judge(const std::string& victim);
  void decide(const std::string& victim_id, std::optional<OwnedMergeFact> fact);
  bool reopens_cycle(const std::string& root, const std::string& victim);
  const std::string& survivor_of(const std::string& id, size_t& steps);
  std::string end_of_path(std::string id);
  std::string oldest_edge_of_cycle(const std::string& victim);
  void relabel(const std::string& top, const std::string& root);
  void relabel_stays();
  std::vector<std::string> victims_of(const std::string& id);
  std::vector<std::string> active_children(const std::string& id);
  void write(const std::string& id, const ForestEntry& entry);
  static void report(const std::string& id, const Touched& touched,
                     std::vector<OwnedConflict>& conflicts);

  KeyValueStore& store_;
  UnmergedChildren children_;
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
  load(fact.victim);
  if (keep(fact)) judge(fact.victim);
}

/// False: the fact is known, or another hides it.
bool ForestEdit::keep(const OwnedMergeFact& fact) {
  std::optional<OwnedMergeFact> hidden;
  if (const Row row = store_.get(fact_key(fact))) {
    hidden = copy_merge_fact(*flatbuffers::GetRoot<MergeFact>(row.value.data()));
    if (fact <= *hidden) return false;
  }
  put_fact(fact);
  if (!fact.survivor.empty()) {
    store_.put(inbound_prefix(fact.survivor) + fact.victim, "", event_time_ms_);
  }
  if (hidden) unlink(*hidden);
  return true;
}

void ForestEdit::put_fact(const OwnedMergeFact& fact) {
  builder_.Clear();
  const Bytes value = finish_aligned(builder_, write_merge_fact(builder_, fact));
  store_.put(fact_key(fact), value, event_time_ms_);
}

std::vector<OwnedMergeFact> ForestEdit::facts_of(const std::string& victim) {
  std::vector<OwnedMergeFact> facts;
  for (const auto it = store_.prefix(facts_prefix(victim)); it->valid(); it->next()) {
    facts.push_back(copy_merge_fact(*flatbuffers::GetRoot<MergeFact>(it->row().value.data())));
  }
  return facts;
}

/// After `gone` has left the store: its survivor may still be named by another fact.
void ForestEdit::unlink(const OwnedMergeFact& gone) {
  if (gone.survivor.empty()) return;
  const std::vector<OwnedMergeFact> left = facts_of(gone.victim);
  if (std::ranges::find(left, gone.survivor, &OwnedMergeFact::survivor) != left.end()) return;
  store_.erase(inbound_prefix(gone.survivor) + gone.victim, event_time_ms_);
}

void ForestEdit::erase(const std::string& id, int64_t through_ms) {
  bool is_named = false;
  for (const std::string& victim : victims_of(id)) {
    is_named |= forget_survivor(id, victim, through_ms);
    judge(victim);
  }
  is_named |= forget_victim(id, through_ms);
  judge(id);
  load(id).is_gone = !is_named;
}

/// Whether newer facts about `victim` name the id.
bool ForestEdit::forget_survivor(const std::string& id, const std::string& victim,
                                 int64_t through_ms) {
  bool is_named = false;
  for (const OwnedMergeFact& fact : facts_of(victim)) {
    if (fact.survivor != id) continue;
    if (fact.version.commit_timestamp_ms > through_ms) {
      is_named = true;
      continue;
    }
    OwnedMergeFact left = fact;
    left.survivor.clear();
    left.kind = MergeFactKind::Unmerge;
    put_fact(left);
    unlink(fact);
  }
  return is_named;
}

/// Whether there are newer facts about the id.
bool ForestEdit::forget_victim(const std::string& id, int64_t through_ms) {
  bool is_named = false;
  for (const OwnedMergeFact& fact : facts_of(id)) {
    if (fact.version.commit_timestamp_ms > through_ms) {
      is_named = true;
      continue;
    }
    store_.erase(fact_key(fact), event_time_ms_);
    unlink(fact);
  }
  return is_named;
}

void ForestEdit::judge(const std::string& victim) {
  Verdict verdict = judge_facts(facts_of(victim));
  ForestEntry& entry = load(victim).now;
  if (verdict.fact != entry.fact) decide(victim, std::move(verdict.fact));
  entry.stays.clear();
  if (children_ == UnmergedChildren::kReturn) return;
  for (MergedPeriod& period : verdict.periods) {
    entry.stays.push_back(
        {std::move(period.from), std::move(period.until), std::move(period.survivor), /*root=*/{}});
  }
}

/// Takes the victim's edge out, puts the new one in, and relabels the one tree whose root moved:
/// all its nodes had one root before and have one root after.
void ForestEdit::decide(const std::string& victim_id, std::optional<OwnedMergeFact> fact) {
  Touched& victim = load(victim_id);
  const bool was_active = victim.now.active;
  const std::string old_root = victim.now.root;
  if (was_active && reopens_cycle(old_root, victim_id)) load(old_root).now.active = true;
  victim.now.fact = std::move(fact);
  victim.now.active = false;
  if (!victim.now.is_merge()) return relabel(victim_id, victim_id);

  // The label is right unless the survivor may be in the part that the old edge held.
  const std::string& survivor = victim.now.fact->survivor;
  const std::string& label = load(survivor).now.root;
  const std::string end = was_active && label == old_root ? end_of_path(survivor) : label;
  if (end != victim_id) {
    victim.now.active = true;
    return relabel(victim_id, end);
  }
  const std::string oldest = oldest_edge_of_cycle(victim_id);
  victim.now.active = true;
  load(oldest).now.active = false;
  relabel(oldest, oldest);
}

/// Whether `victim`'s active edge is on the cycle that `root`'s inactive edge would close.
bool ForestEdit::reopens_cycle(const std::string& root, const std::string& victim) {
  const ForestEntry& top = load(root).now;
  if (!top.is_inactive_edge()) return false;
  size_t steps = 0;
  for (std::string id = top.fact->survivor; id != root; id = survivor_of(id, steps)) {
    if (id == victim) return true;
  }
  return false;
}

/// The next id on a path that is `steps` long so far; all on it are loaded. Throws when the nodes
/// contradict each other, as they do only if somebody else wrote them: there is none, or the path
/// would not end.
const std::string& ForestEdit::survivor_of(const std::string& id, size_t& steps) {
  const ForestEntry& entry = load(id).now;
  if (!entry.is_merge() || ++steps > touched_.size()) {
    throw InvalidRecord("the stored merges contradict each other");
  }
  return entry.fact->survivor;
}

std::string ForestEdit::end_of_path(std::string id) {
  for (size_t steps = 0; load(id).now.active;) id = survivor_of(id, steps);
  return id;
}

/// The victim whose edge is the oldest: the oldest of each log, and of these by the clock.
/// REQUIRES: the path from `victim`'s survivor ends at `victim`.
std::string ForestEdit::oldest_edge_of_cycle(const std::string& victim) {
  using Edge = std::pair<VersionView, std::string>;
  std::vector<Edge> oldest_of_logs;
  const auto take = [&](const std::string& id) {
    Edge edge(load(id).now.fact->version.view(), id);
    const auto same_log = [&](const Edge& other) { return other.first.log == edge.first.log; };
    const auto known = std::ranges::find_if(oldest_of_logs, same_log);
    if (known == oldest_of_logs.end()) {
      oldest_of_logs.push_back(std::move(edge));
    } else if (edge < *known) {
      *known = std::move(edge);
    }
  };
  take(victim);
  size_t steps = 0;
  for (std::string id = survivor_of(victim, steps); id != victim; id = survivor_of(id, steps)) {
    take(id);
  }
  return std::ranges::min_element(oldest_of_logs, is_before_by_clock, &Edge::first)->second;
}

void ForestEdit::relabel(const std::string& top, const std::string& root) {
  if (load(top).now.root == root) return;
  std::vector<std::string> pending{top};
  while (!pending.empty()) {
    const std::string id = std::move(pending.back());
    pending.pop_back();
    load(id).now.root = root;
    for (std::string& child : active_children(id)) {
      if (load(child).now.root != root) pending.push_back(std::move(child));
    }
  }
}

/// Of the ids that were loaded: others' stays lead where they did, since who is relabelled loads
/// all that were ever merged into it.
void ForestEdit::relabel_stays() {
  std::vector<ForestEntry*> with_stays;
  for (auto& [id, touched] : touched_) {
    if (!touched.now.stays.empty()) with_stays.push_back(&touched.now);
  }
  for (ForestEntry* entry : with_stays) {
    for (OwnedStay& stay : entry->stays) stay.root = load(stay.survivor).now.root;
  }
}

/// Of any fact, whether it decides or not.
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
  std::erase_if(children, [&](const std::string& child) {
    const ForestEntry& entry = load(child).now;
    return !entry.active || entry.fact->survivor != id;
  });
  return children;
}

ForestChanges ForestEdit::finish() {
  relabel_stays();
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
      entry.fact ? write_merge_fact(builder_, *entry.fact) : flatbuffers::Offset<MergeFact>();
  const auto stays = write_stays(builder_, entry.stays);
  const Bytes value =
      finish_aligned(builder_, CreateForestNode(builder_, root, fact, entry.active, stays));
  store_.put(node_key(id), value, event_time_ms_);
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

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<Stay>>> write_stays(
    flatbuffers::FlatBufferBuilder& builder, const std::vector<OwnedStay>& stays) {
  if (stays.empty()) return {};
  std::vector<flatbuffers::Offset<Stay>> written;
  for (const OwnedStay& stay : stays) {
    const auto from = write_version(builder, stay.from.view());
    const auto until = write_version(builder, stay.until.view());
    const auto survivor = builder.CreateString(stay.survivor);
    const auto root = builder.CreateString(stay.root);
    written.push_back(CreateStay(builder, from, until, survivor, root));
  }
  return builder.CreateVector(written);
}

ForestChanges MergeForest::apply(const OwnedMergeFact& fact, int64_t event_time_ms) {
  const std::optional<OwnedMergeFact> left = without_erased(store_, fact);
  if (!left) return {};
  ForestEdit edit(store_, children_, event_time_ms);
  edit.apply(*left);
  return edit.finish();
}

ForestChanges MergeForest::erase(const std::string& id, int64_t through_ms, int64_t event_time_ms) {
  if (!is_fact_erased(store_, id, {through_ms, 0, ""})) {
    std::string mark;
    Serde<int64_t>::encode(through_ms, mark);
    store_.put(erased_key(id), mark, event_time_ms);
  }
  ForestEdit edit(store_, children_, event_time_ms);
  edit.erase(id, through_ms);
  ForestChanges changes = edit.finish();
  // Do not report conflicts that involve erased ids.
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
