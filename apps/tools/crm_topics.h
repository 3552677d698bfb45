#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "millrace/core/new_topic.h"

#include "crm/mapping/mapping.h"

namespace millrace::apps {

/// The topics of the account flow, with the policies that its design needs. Merge facts have one
/// partition, since one task resolves merges, and so have the tables of territories, which every
/// task reads whole; the others have `partitions`. See `AccountOptions::output_prefix`.
std::vector<NewTopic> crm_topics(const crm::Mapping& mapping, int32_t partitions,
                                 std::string_view output_prefix);
/// Only the topics that a source of changes writes.
std::vector<NewTopic> crm_input_topics(const crm::Mapping& mapping, int32_t partitions);
/// The topics that hold definitions: territories and their rules, and the features of products.
std::vector<NewTopic> territory_topics();
NewTopic product_topic();

}  // namespace millrace::apps
