#include "apps/tools/crm_topics.h"

#include <utility>

#include "crm/account_topology.h"
#include "crm/entitlement/entitlement_topology.h"
#include "crm/model/output_topic.h"

namespace millrace::apps {
namespace {

NewTopic topic(std::string_view name, int32_t partitions, const char* policy) {
  // Event times are those of the source and may be years old: time must not delete anything.
  return {std::string(name), partitions, {{"cleanup.policy", policy}, {"retention.ms", "-1"}}};
}

/// Of a mapping that is none the program says so elsewhere.
bool derives_entitlements(const crm::Mapping& mapping) {
  const Result<crm::ParentFields> parents = crm::parent_fields(mapping);
  return parents.ok() && crm::has_grants(*parents);
}

}  // namespace

std::vector<NewTopic> crm_input_topics(const crm::Mapping& mapping, int32_t partitions) {
  std::vector<NewTopic> topics{topic(crm::kMergeFacts.name, 1, "delete")};
  topics.push_back(topic(crm::kErasures.name, 1, "delete"));
  for (const crm::TopicMapping& mapped : mapping.topics) {
    topics.push_back(topic(mapped.topic, partitions, "delete"));
  }
  if (derives_entitlements(mapping)) topics.push_back(product_topic());
  return topics;
}

std::vector<NewTopic> territory_topics() {
  std::vector<NewTopic> topics;
  for (const TopicUse& table : crm::territory_tables()) {
    topics.push_back(topic(table.name, 1, "compact"));
  }
  return topics;
}

NewTopic product_topic() {
  return topic(crm::kProductFeatures.name, 1, "compact");
}

std::vector<NewTopic> crm_topics(const crm::Mapping& mapping, int32_t partitions,
                                 std::string_view output_prefix) {
  const auto output = [&](std::string_view name, const char* policy) {
    return topic(crm::output_topic(name, output_prefix), partitions, policy);
  };
  std::vector<NewTopic> topics = crm_input_topics(mapping, partitions);
  for (NewTopic& table : territory_topics()) topics.push_back(std::move(table));
  topics.push_back(output(crm::kRedirects.name, "compact"));
  topics.push_back(output(crm::kAccountStates.name, "compact"));
  topics.push_back(output(crm::kAccountTerritories.name, "compact"));
  topics.push_back(output(crm::kConflicts.name, "delete"));
  topics.push_back(output(crm::kErasureReports.name, "delete"));
  if (derives_entitlements(mapping)) {
    topics.push_back(output(crm::kEntitlements.name, "compact"));
  }
  return topics;
}

}  // namespace millrace::apps
