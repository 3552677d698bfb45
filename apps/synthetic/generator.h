#pragma once

#include <cstdint>
#include <vector>

#include "apps/synthetic/event.h"
#include "apps/synthetic/population.h"
#include "apps/synthetic/profile.h"
#include "apps/synthetic/random.h"
#include "apps/synthetic/territory_layout.h"
#include "apps/synthetic/values.h"

namespace millrace::apps::synthetic {

struct GeneratorOptions {
  Profile profile{};
  uint64_t seed = 1;
  int64_t start_ms = 0;  ///< when the first event was committed; the quarter ends 90 days later
};

/// Makes up the events of a CRM, phase by phase, in order. A function of the options and the
/// previous phases: to continue after some phases, run them again without delivering.
///
/// Operations are chosen by the mix of an ordinary day, records by Zipf's law. The source's clock
/// is coarse: transactions in a row may have equal commit times.
class Generator {
 public:
  explicit Generator(const GeneratorOptions& options);
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  void run(Phase phase, const EventSink& sink);

 private:
  /// Events of one transaction share commit time and key.
  void begin_transaction(int64_t ms_later);
  EventVersion next_version();
  void emit(Kind kind, uint64_t number, crm::ChangeType type, std::vector<FieldText> fields = {});
  void emit(DefinitionChange change);

  void backfill();
  void steady();
  void bulk_import();
  void quarter_end();
  void bulk_dedupe();
  void realignment();

  /// Creates accounts and all records under them, in order of kind.
  void create_batch(const Population::Batch& batch);
  void change_anything();
  void update(Kind kind);
  void create();
  bool undelete(Kind kind);
  void remove();
  void merge();
  /// Also moves one child of the victim to the survivor in the same transaction.
  void merge(uint64_t victim, uint64_t survivor, Kind kind, uint64_t child);
  /// Merges an account with records under it into a popular one; false: not this time.
  bool merge_account_with_child(uint64_t survivor);
  void close_cycle();
  void unmerge();
  void lose_track();
  void change_definition();
  void end_deals();
  void renew(Kind kind);

  /// Picks among all records ever created, popular ones more often; some are deleted.
  uint64_t pick(Kind kind);
  Kind pick_child_kind();
  /// Some ms in bulk, seconds on an ordinary day.
  int64_t pause_ms();

  const GeneratorOptions options_;
  Population population_;
  TerritoryLayout territories_;
  Values values_;
  Random random_;
  const EventSink* sink_ = nullptr;
  int64_t phases_ = 0;
  int64_t now_ms_;
  bool is_bulk_ = true;
  int64_t transactions_ = 0;
  int64_t sequence_ = 0;
  uint64_t transaction_ = 0;
};

}  // namespace millrace::apps::synthetic
