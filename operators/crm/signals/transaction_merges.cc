#include "crm/signals/transaction_merges.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "millrace/core/serde.h"

#include "crm/merges/merge_fact.h"
#include "crm/model/composite_key.h"
#include "crm/model/encode.h"
#include "crm/model/version.h"
#include "merge_signal_generated.h"

namespace millrace::crm {
namespace {

/// Of one task's processing: a transaction with more rows is forgotten in several goes.
constexpr size_t kForgottenAtOnce = 1'000;

/// The rows of one transaction: numbers (its changes, those seen, the windows that it was waited
/// for) and parts. Of a deleted account there is one per version, whose value is the
/// part itself; all others are empty.
class PartKeys {
 public:
  explicit PartKeys(std::string_view transaction) : prefix_(key_under(transaction, "")) {}

  const std::string& all() const { return prefix_; }
  std::string seen(std::string_view version) const { return prefix_ + key_under("s", version); }
  std::string end() const { return prefix_ + "e"; }
  std::string seen_count() const { return prefix_ + "n"; }
  std::string windows() const { return prefix_ + "w"; }
  std::string deletes(std::string_view id) const { return under("d", id); }
  std::string update(std::string_view id) const { return under("u", id); }
  std::string moves_from(std::string_view id) const { return under("f", id); }
  std::string moves_to(std::string_view id) const { return under("t", id); }

 private:
  std::string under(std::string_view kind, std::string_view id) const {
    return prefix_ + key_under(key_under(kind, id), "");
  }
  std::string prefix_;
};

class TransactionMerges final : public Processor {
 public:
  TransactionMerges(TransactionStores stores, int64_t window_ms)
      : stores_(std::move(stores)), window_ms_(window_ms) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    parts_ = &context.store(stores_.parts);
    timers_ = &context.timers(stores_.timers);
  }

  void process(const Record& record) override {
    const PartKeys keys(record.key.view());
    const auto& part = *flatbuffers::GetRoot<TransactionPart>(record.value.data());
    const std::string id = part.id()->str();
    switch (part.kind()) {
      case TransactionPartKind::Deleted: {
        const OwnedVersion version(view_of(*part.version()));
        if (!keep(keys.deletes(id) + bytes_of(version.view()), record.value, record)) return;
        for (const std::string& survivor : names(keys.moves_from(id))) {
          if (parts_->get(keys.update(survivor))) send(id, survivor, version, record);
        }
        return;
      }
      case TransactionPartKind::Updated:
        if (!keep(keys.update(id), "", record)) return;
        for (const std::string& victim : names(keys.moves_to(id))) {
          send_all(keys, victim, id, record);
        }
        return;
      case TransactionPartKind::Moved: {
        const std::string survivor = part.to()->str();
        if (!keep(keys.moves_from(id) + survivor, "", record)) return;
        parts_->put(keys.moves_to(survivor) + id, "", record.timestamp_ms);
        if (parts_->get(keys.update(survivor))) send_all(keys, id, survivor, record);
        return;
      }
      case TransactionPartKind::Seen:
        return see(keys, bytes_of(view_of(*part.version())), record);
      case TransactionPartKind::End:
        return end(keys, static_cast<int64_t>(part.events()), record);
    }
  }

  void on_timer(const Timer& timer) override {
    const std::string transaction = timer.key.to_string();
    const PartKeys keys(transaction);
    if (waits_on(keys, timer.time_ms)) {
      return timers_->set(transaction, 0, context().wall_time_ms() + window_ms_);
    }
    std::vector<std::string> gone;
    for (const auto it = parts_->prefix(keys.all()); it->valid() && gone.size() < kForgottenAtOnce;
         it->next()) {
      gone.push_back(it->key().to_string());
    }
    for (const std::string& key : gone) parts_->erase(key, timer.time_ms);
    if (gone.size() == kForgottenAtOnce) return timers_->set(transaction, 0, timer.time_ms);
    parts_->erase(transaction, timer.time_ms);
  }

 private:
  int64_t number(const std::string& key) {
    const Row row = parts_->get(key);
    return row ? Serde<int64_t>::view(row.value) : 0;
  }

  void put_number(const std::string& key, int64_t number, int64_t timestamp_ms) {
    count_.clear();
    Serde<int64_t>::encode(number, count_);
    parts_->put(key, count_, timestamp_ms);
  }

  void see(const PartKeys& keys, const std::string& version, const Record& record) {
    begin(record);
    const int64_t seen = number(keys.seen_count());
    if (seen >= kTransactionPartsMax || parts_->get(keys.seen(version))) return;
    parts_->put(keys.seen(version), "", record.timestamp_ms);
    put_number(keys.seen_count(), seen + 1, record.timestamp_ms);
    forget_if_complete(keys, record);
  }

  void end(const PartKeys& keys, int64_t events, const Record& record) {
    if (events <= 0) return;  // it changed no record that the mapping knows
    begin(record);
    put_number(keys.end(), events, record.timestamp_ms);
    forget_if_complete(keys, record);
  }

  bool is_complete(const PartKeys& keys) {
    const int64_t events = number(keys.end());
    return events > 0 && number(keys.seen_count()) >= events;
  }

  /// The merges in it were sent with the last of its parts.
  void forget_if_complete(const PartKeys& keys, const Record& record) {
    if (is_complete(keys)) timers_->set(record.key, 0, context().wall_time_ms());
  }

  /// Whether parts are known to be missing, and the wait for them has not been long.
  bool waits_on(const PartKeys& keys, int64_t timestamp_ms) {
    if (number(keys.end()) == 0 || is_complete(keys)) return false;
    const int64_t windows = number(keys.windows()) + 1;
    put_number(keys.windows(), windows, timestamp_ms);
    return windows < kTransactionWindowsMax;
  }

  /// The first part sets the timer.
  void begin(const Record& record) {
    if (parts_->get(record.key)) return;
    put_number(record.key.to_string(), 0, record.timestamp_ms);
    timers_->set(record.key, 0, context().wall_time_ms() + window_ms_);
  }

  /// False: the part is known, or one too many.
  bool keep(const std::string& key, Bytes value, const Record& record) {
    if (parts_->get(key)) return false;
    begin(record);
    const std::string transaction = record.key.to_string();
    const int64_t kept = number(transaction);
    if (kept >= kTransactionPartsMax) {
      context().count_dropped("large_transaction");
      return false;
    }
    put_number(transaction, kept + 1, record.timestamp_ms);
    parts_->put(key, value, record.timestamp_ms);
    return true;
  }

  /// The rest after `prefix` of the keys that begin with it.
  std::vector<std::string> names(const std::string& prefix) {
    std::vector<std::string> names;
    for (const auto it = parts_->prefix(prefix); it->valid(); it->next()) {
      names.emplace_back(it->key().view().substr(prefix.size()));
    }
    return names;
  }

  /// One for each delete of the victim.
  void send_all(const PartKeys& keys, const std::string& victim, const std::string& survivor,
                const Record& record) {
    std::vector<OwnedVersion> deletes;
    for (const auto it = parts_->prefix(keys.deletes(victim)); it->valid(); it->next()) {
      const auto& part = *flatbuffers::GetRoot<TransactionPart>(it->row().value.data());
      deletes.emplace_back(view_of(*part.version()));
    }
    for (const OwnedVersion& version : deletes) send(victim, survivor, version, record);
  }

  void send(const std::string& victim, const std::string& survivor, const OwnedVersion& version,
            const Record& record) {
    const OwnedMergeFact fact{.victim = victim,
                              .version = version,
                              .authority = MergeAuthority::Transaction,
                              .kind = MergeFactKind::Merge,
                              .survivor = survivor};
    builder_.Clear();
    context().forward({.key = victim,
                       .value = finish_aligned(builder_, write_merge_fact(builder_, fact)),
                       .old_value = {},
                       .timestamp_ms = record.timestamp_ms,
                       .headers = {}});
  }

  TransactionStores stores_;
  int64_t window_ms_;
  KeyValueStore* parts_ = nullptr;
  Timers* timers_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
  std::string count_;
};

}  // namespace

ProcessorFactory transaction_merges(TransactionStores stores, int64_t window_ms) {
  return [stores = std::move(stores), window_ms] {
    return std::make_unique<TransactionMerges>(stores, window_ms);
  };
}

}  // namespace millrace::crm
