#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "engine/clients/clients.h"

namespace millrace::apps {

struct CompareOptions {
  std::string live_prefix = "crm.";
  std::string shadow_prefix;
  /// Fields to leave out, with everything in them, as in "fields.website".
  std::vector<std::string> ignored;
  int64_t attempts = 3;
  int64_t pause_ms = 2'000;  ///< between attempts
  std::string mapping_file;
  bool reveals = false;
  int64_t limit = 100;  ///< keys shown; 0: all
  int64_t timeout_s = 60;
};

struct CompareOutcome {
  int64_t keys = 0;
  int64_t different = 0;
};

/// Compares the compacted outputs of two materializers of the same inputs, key by key, and writes a
/// JSON line for each key that differs and one for all.
///
/// Leaves out counters, since they depend on the steps to a state and not on the state: `version`
/// of account states and entitlements, `alignment_epoch` of territories. Also leaves out `as_of_ms`
/// of entitlements, the time of the last input that affected them.
///
/// Live traffic reaches both sides at different moments: a key counts as different only if it
/// differs in each of `attempts` readings, and in one more that takes the values to show. Shows
/// values with a mapping, which hides the personal ones, or if `reveals`. Memory: keys and two
/// hashes each, and the values of keys that differ.
///
/// Errors: `kNotFound` for a topic, `kInvalidArgument` when both prefixes are the same; those of
/// `read_topic` and of the mapping.
Result<CompareOutcome> compare_outputs(const CompareOptions& options,
                                       engine::ClientFactory& clients, std::ostream& out);

}  // namespace millrace::apps
