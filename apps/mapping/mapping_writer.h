#pragma once

#include <string>
#include <vector>

#include "apps/mapping/proposal.h"

namespace millrace::apps {

/// The mapping file that says what the proposals do, in JSON with comments, which
/// `crm::parse_mapping` takes. Topics and entities that cannot be mapped yet stand in comments,
/// with what to do.
std::string write_mapping(const std::vector<TopicProposal>& topics);
/// Lines for a person: counts, and everything that needs a decision.
std::string describe_proposals(const std::vector<TopicProposal>& topics);
/// Whether any entity can be mapped: without one there is no mapping.
bool has_entities(const std::vector<TopicProposal>& topics);

}  // namespace millrace::apps
