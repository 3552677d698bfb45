#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "millrace/testing/topology_driver.h"

#include "account_state_generated.h"
#include "crm/mapping/mapping.h"

namespace millrace::crm::cases {

/// A file of the folder `data`, whole or line by line.
std::string file_text(const std::string& name);
std::vector<std::string> file_lines(const std::string& name);

/// The whole job over one mapping, fed with what sources sent.
class CaseWorld {
 public:
  explicit CaseWorld(const std::string& mapping_json);
  /// `data/crm/mapping.json`, and all of the case's `input.jsonl`, processed.
  static std::unique_ptr<CaseWorld> of_case(const std::string& name);

  /// One line of an `input.jsonl`, whose form is in data/README.md. All go to partition 0.
  void feed_line(const std::string& line);
  void feed(const std::string& topic, const std::string& value, const std::string& key = "k");
  void run() { driver_.run(); }
  /// Until sweeps of tables are over, too.
  void run_sweeps();

  /// "Active name=A notes is null incomplete(notes)"; empty: no such account.
  std::string account(const std::string& root);
  /// Whether there was such an account, and is none now.
  bool was_deleted(const std::string& root);
  /// Territories of the account.
  std::set<std::string> territories(const std::string& root);
  /// "from..to amount", ms or open, one a segment; empty: not entitled.
  std::string entitlement(const std::string& root, const std::string& feature);
  /// Records that did not decode.
  size_t dead_letters() { return driver_.read_bytes("test-dead-letters").size(); }
  /// The root that the id leads to.
  std::string root_of(const std::string& id);

 private:
  static testing::DriverOptions options(const Mapping& mapping);

  Mapping mapping_;
  testing::TopologyDriver driver_;
  std::set<std::string> seen_accounts_;
};

}  // namespace millrace::crm::cases
