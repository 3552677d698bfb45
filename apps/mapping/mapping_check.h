#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <stop_token>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "apps/mapping/topic_sample.h"
#include "crm/decode/mapping_report.h"
#include "crm/mapping/mapping.h"
#include "engine/clients/clients.h"

namespace millrace::apps {

/// Something about a mapping and a topic that a person should look at. Names and reasons, never a
/// value.
struct Finding {
  enum class Weight : unsigned char {
    kProblem,  ///< the mapping or the topic is most likely wrong
    kNote,     ///< may be as it should be: a topic that is still empty, a table that is not mapped
  };
  Weight weight = Weight::kProblem;
  std::string topic;
  std::string entity{};  ///< empty: of the topic
  std::string field{};   ///< empty: of the entity
  std::string text;      ///< what is wrong, and what to do
};

/// One line: "crm.raw.erp public.customers nmae: no record has it; is it 'name'?".
std::string line_of(const Finding& finding);

struct TopicCheck {
  SampleOutcome sample{};
  crm::TopicFit fit{};
  bool is_read = false;  ///< false: a finding says why
};

struct CheckReport {
  std::vector<TopicCheck> topics{};
  std::vector<Finding> findings{};
  /// Why the check ended before its last topic: no broker answered in time.
  Status status{};

  bool has_problems() const;
};

/// Called after each record; for reports of progress.
using CheckProgress = std::function<void(const std::string& topic, int64_t records)>;

/// Compares a mapping with a sample of each of its topics. A topic that cannot be read is a
/// finding, not an error. Bounded by `options` for each topic; a stop ends it with what was read so
/// far.
CheckReport check_mapping(const crm::Mapping& mapping, engine::ClientFactory& clients,
                          const SampleOptions& options, const std::stop_token& stop,
                          const CheckProgress& progress);

/// The whole report as text: topics, entities and fields with their counts, then the findings.
void write_report(const CheckReport& report, std::ostream& out);

}  // namespace millrace::apps
