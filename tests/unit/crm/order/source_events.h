#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "source_model.h"

namespace millrace::crm::order_test {

/// The place of a change in the database's log, in its own units.
struct Place {
  uint64_t last_commit = 0;  ///< of the transaction before it; 0: none
  uint64_t change = 0;
  uint64_t commit = 0;
  uint64_t row = 0;    ///< among the rows of one change
  uint64_t order = 0;  ///< in its transaction, from 1
};

struct RowEvent {
  char op = 'u';  ///< as Debezium's
  std::string snapshot = "false";
  int id = 0;
  Place place{};
  int64_t ms = 0;
  uint64_t transaction = 0;
  std::optional<Values> before{};
  std::optional<Values> after{};
};

/// The event as the database's connector writes it.
std::string event_json(Database database, const RowEvent& event);
/// The id of a record as we call it.
std::string our_id(Database database, int id);

}  // namespace millrace::crm::order_test
