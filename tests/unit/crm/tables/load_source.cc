#include "load_source.h"

#include <algorithm>

#include <fmt/format.h>

#include "raw_change.h"

namespace millrace::crm {
namespace {

constexpr int kNumbers = 12;
constexpr const char* kEntities[] = {"Account", "Contact"};

}  // namespace

const char* LoadSource::mapping() {
  return R"({"topics": {"crm.raw.sf": {"format": "salesforce_cometd", "source": "sf", "entities": {
    "Account": {"type": "account", "fields": {"Name": "name"}},
    "Contact": {"type": "contact", "parent": "AccountId",
      "fields": {"AccountId": "account_id", "Name": "name"}}}}}})";
}

void LoadSource::run(int steps) {
  for (int i = 0; i < steps; ++i) step();
  is_away_ = false;
  for (const int entity : {0, 1}) {
    if (has_missed_[entity]) load(entity, false);
  }
}

void LoadSource::step() {
  const int dice = any(1, 100);
  if (dice <= 72) return change(any(0, 1));
  if (dice <= 78) {
    is_away_ = !is_away_;
    return;
  }
  if (dice <= 92) {
    is_away_ = false;
    const int entity = any(0, 1);
    if (load(entity, true)) has_missed_[entity] = false;
    return;
  }
  repeat();
}

void LoadSource::change(int entity) {
  const int number = any(0, kNumbers - 1);
  now_ms_ += any(1, 5);
  auto& records = records_[entity];
  const bool is_known = records.contains(number);
  if (is_known && any(1, 3) == 1) {
    records.erase(number);
    return write_change(entity, number, "DELETE");
  }
  records[number] = fmt::format("n{}", ++names_);
  write_change(entity, number, is_known ? "UPDATE" : "CREATE");
}

bool LoadSource::load(int entity, bool may_fail) {
  load_ms_ = ++now_ms_;
  const int fate = may_fail ? any(1, 8) : 8;  // 1 stops, 2 loses a record, 3 sends one twice
  if (any(1, 4) != 1) write_load(entity, "LOAD_BEGIN", "", any(0, kPartitions - 1));
  size_t rows = 0;
  bool is_complete = true;
  for (int number = 0; number < kNumbers; ++number) {
    if (any(1, 3) == 1) change(entity);
    const auto record = records_[entity].find(number);
    if (record == records_[entity].end()) continue;
    if (fate == 1 && any(1, 4) == 1) {
      ++given_up_;
      return false;
    }
    ++rows;
    const bool is_odd = is_complete && (fate == 2 || fate == 3) && any(1, 3) == 1;
    if (is_odd) is_complete = false;
    const int copies = !is_odd ? 1 : fate == 2 ? 0 : 2;
    for (int copy = 0; copy < copies; ++copy) {
      write_load(entity, "LOAD",
                 fmt::format(R"(,"recordIds":["{}"],"transactionKey":"load","sequenceNumber":1}},)"
                             R"("AccountId":"{}","Name":"{}")",
                             id_of(entity, number), id_of(0, number), record->second),
                 number % kPartitions);
    }
  }
  write_load(entity, "LOAD_END", fmt::format(R"(,"loadRows":{})", rows), any(0, kPartitions - 1));
  ++now_ms_;
  ++(is_complete ? loads_ : given_up_);
  return is_complete;
}

/// The client did not know that it had written them. Parts of loads are not its own.
void LoadSource::repeat() {
  const int count = any(0, std::min<int>(static_cast<int>(events_.size()), 8));
  const std::vector<Event> last(events_.end() - count, events_.end());
  for (const Event& event : last) {
    if (event.value.find("LOAD") == std::string::npos) events_.push_back(event);
  }
}

std::string LoadSource::id_of(int entity, int number) const {
  return sf_id(entity == 0 ? "001" : "003", static_cast<char>('a' + number));
}

void LoadSource::write_change(int entity, int number, std::string_view type) {
  if (is_away_) {
    has_missed_[entity] = true;
    return;
  }
  const bool has_fields = type != "DELETE";
  events_.push_back(
      {number % kPartitions, now_ms_,
       fmt::format(R"({{"ChangeEventHeader":{{"entityName":"{}","recordIds":["{}"],)"
                   R"("changeType":"{}","transactionKey":"t{}","sequenceNumber":1,)"
                   R"("commitTimestamp":{},"commitNumber":{}}}{}}})",
                   kEntities[entity], id_of(entity, number), type, now_ms_, now_ms_, now_ms_,
                   has_fields ? fmt::format(R"(,"AccountId":"{}","Name":"{}")", id_of(0, number),
                                            records_[entity][number])
                              : "")});
}

void LoadSource::write_load(int entity, std::string_view type, std::string_view more,
                            int partition) {
  const bool is_row = type == "LOAD";
  events_.push_back({partition, now_ms_,
                     fmt::format(R"({{"ChangeEventHeader":{{"entityName":"{}","changeType":"{}",)"
                                 R"("commitTimestamp":{}{}{}}})",
                                 kEntities[entity], type, load_ms_, more, is_row ? "" : "}")});
}

LoadSource::Rows LoadSource::rows_of(int entity) const {
  Rows rows;
  for (const auto& [number, name] : records_[entity]) rows["sf:" + id_of(entity, number)] = name;
  return rows;
}

}  // namespace millrace::crm
