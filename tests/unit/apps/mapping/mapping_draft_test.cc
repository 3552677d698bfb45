#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/cli/mapping_tool.h"
#include "apps/mapping/mapping_check.h"
#include "crm/account_topology.h"
#include "crm/mapping/mapping.h"
#include "topics.h"

namespace millrace::apps::mapping_draft_test {

using crm::FieldType;
using ::testing::HasSubstr;
using testing::MemoryBroker;
using ::testing::Not;

/// Parts of values in the sampled events, which nobody should see.
const std::vector<std::string> kValues{"example.com", "example.org", "+49 30",   "+1 555",
                                       "Okafor",      "First300",    "Last2300", "206562",
                                       "line one",    "Müller",      "Deal 700"};

class Drafts : public ::testing::Test {
 protected:
  std::string draft(const MappingDraftOptions& options) {
    const auto clients = broker_.clients();
    std::ostringstream out;
    std::ostringstream notes;
    status_ = draft_mapping(options, *clients, out, notes);
    notes_ = notes.str();
    for (const std::string& value : kValues) {
      EXPECT_THAT(out.str() + notes_, Not(HasSubstr(value)));
    }
    return out.str();
  }
  /// The draft as the program reads it, which takes it.
  crm::Mapping mapping_of(const std::string& text) {
    const Result<crm::Mapping> mapping = crm::parse_mapping(text);
    EXPECT_TRUE(mapping.ok()) << mapping.message() << text;
    const auto topology = crm::account_topology(*mapping);
    EXPECT_TRUE(topology.ok()) << topology.message();
    return *mapping;
  }
  /// The findings of the check of the draft.
  std::string problems_of(const crm::Mapping& mapping) {
    const auto clients = broker_.clients();
    std::string problems;
    for (const Finding& finding : check_mapping(mapping, *clients, {}, {}, {}).findings) {
      if (finding.weight == Finding::Weight::kProblem) problems += line_of(finding) + "\n";
    }
    return problems;
  }
  void write_crm() {
    for (const char* table : {"account", "contact", "opportunity", "contract"}) {
      const std::string topic = std::string("cdc.crm.") + table;
      write_topic(broker_, topic, values_of(topic), 2, R"({"id":1})");
    }
  }

  MemoryBroker broker_;
  Status status_;
  std::string notes_;
};

const crm::EntityMapping& entity(const crm::Mapping& mapping, std::string_view name) {
  for (const crm::TopicMapping& topic : mapping.topics) {
    const auto found = topic.entities.find(name);
    if (found != topic.entities.end()) return found->second;
  }
  ADD_FAILURE() << "no entity " << name;
  static const crm::EntityMapping kNone;
  return kNone;
}

TEST_F(Drafts, OfDebeziumsEventsWithoutSchemas) {
  write_crm();
  const std::string text = draft({.topics = {"cdc.crm.*"}});
  ASSERT_TRUE(status_.ok()) << status_.message();
  const crm::Mapping mapping = mapping_of(text);
  ASSERT_EQ(mapping.topics.size(), 4U) << text;
  EXPECT_EQ(mapping.topics.front().source, "cdc");
  const crm::EntityMapping& account = entity(mapping, "crm.account");
  EXPECT_EQ(account.kind, crm::EntityKind::kAccount);
  EXPECT_EQ(account.id_field, "id");
  EXPECT_EQ(account.master, "master_record_id");
  EXPECT_TRUE(account.find("email")->personal);
  EXPECT_TRUE(account.find("phone")->personal);
  EXPECT_TRUE(account.find("notes")->personal);
  EXPECT_FALSE(account.find("name")->personal);
  EXPECT_EQ(account.find("annual_revenue")->form.type, FieldType::Decimal);
  EXPECT_EQ(account.find("founded")->form.numbers.unit, crm::TimeUnit::kDays);
  EXPECT_EQ(account.find("last_visit")->form.numbers.unit, crm::TimeUnit::kMicroseconds);
  EXPECT_EQ(account.find("created_at")->form.type, FieldType::Moment);
  EXPECT_EQ(account.find("tags")->form.type, FieldType::List);
  EXPECT_EQ(account.find("is_partner")->form.type, FieldType::Boolean);
  const crm::EntityMapping& contact = entity(mapping, "crm.contact");
  EXPECT_EQ(contact.parent, "account_id");
  EXPECT_TRUE(contact.find("last_name")->personal);
  EXPECT_TRUE(contact.find("birth_date")->personal);
  EXPECT_EQ(entity(mapping, "crm.contract").find("end_date")->name, "end_date");
  EXPECT_EQ(entity(mapping, "crm.opportunity").find("amount")->form.type, FieldType::Decimal);
  EXPECT_EQ(problems_of(mapping), "");
}

TEST_F(Drafts, OfTablesInOneTopicWithWhatCannotBeGuessed) {
  write_topic(broker_, "crm.raw.pg", values_of("crm.raw.pg"));
  const crm::Mapping mapping = mapping_of(draft({.topics = {"crm.raw.pg"}, .source = "pg"}));
  EXPECT_EQ(entity(mapping, "public.customers").master, "master_record_id");
  const crm::EntityMapping& licences = entity(mapping, "public.licences");
  EXPECT_EQ(licences.kind, crm::EntityKind::kEntitlement);
  EXPECT_EQ(licences.parent, "account_id");
  EXPECT_EQ(licences.find("customer_id")->name, "account_id");
  EXPECT_THAT(problems_of(mapping), Not(HasSubstr("kept unmasked")));
}

TEST_F(Drafts, OfSalesforcesEvents) {
  write_topic(broker_, "crm.raw.sfp", values_of("crm.raw.sfp"));
  const std::string text = draft({.is_salesforce = true, .topics = {"crm.raw.sfp"}});
  ASSERT_TRUE(status_.ok()) << status_.message();
  const crm::Mapping mapping = mapping_of(text);
  EXPECT_EQ(mapping.topics.front().format, crm::RawFormat::kSalesforcePubsub);
  EXPECT_EQ(mapping.topics.front().source, "sf");
  const crm::EntityMapping& account = entity(mapping, "Account");
  EXPECT_EQ(account.find("HQ__c.Latitude")->form.type, FieldType::Decimal);
  EXPECT_EQ(account.find("Warehouse__c.City")->name, "warehouse_city") << text;
  EXPECT_EQ(account.find("HQ__c"), nullptr) << "only its parts";
  EXPECT_EQ(problems_of(mapping), "");
}

TEST_F(Drafts, OfSalesforcesOtherDialect) {
  write_topic(broker_, "crm.raw.sfc", values_of("crm.raw.sfc"));
  const crm::Mapping mapping =
      mapping_of(draft({.is_salesforce = true, .topics = {"crm.raw.sfc"}, .source = "org"}));
  EXPECT_EQ(mapping.topics.front().format, crm::RawFormat::kSalesforceCometd);
  EXPECT_EQ(mapping.topics.front().source, "org");
  EXPECT_EQ(problems_of(mapping), "");
  const crm::Mapping told = mapping_of(
      draft({.is_salesforce = true, .topics = {"crm.raw.sfc"}, .format = "salesforce_pubsub"}));
  EXPECT_EQ(told.topics.front().format, crm::RawFormat::kSalesforcePubsub);
}

TEST_F(Drafts, ANameWithAMeaningIsLeftToIt) {
  write_topic(broker_, "t", {R"({"op":"c","before":null,"after":{"id":1,"account_id":2,
      "amount":2.5,"start_date":"2025-01-01"},"source":{"ts_ms":1,"lsn":1,"schema":"crm",
      "table":"contracts"}})"});
  const crm::Mapping mapping = mapping_of(draft({.topics = {"t"}}));
  EXPECT_EQ(entity(mapping, "crm.contracts").find("amount")->name, "contracts_amount")
      << "an amount of a contract is a whole number that entitlements count";
  EXPECT_EQ(entity(mapping, "crm.contracts").find("start_date")->name, "start_date");
}

TEST_F(Drafts, SchemasSayTypesAndScales) {
  write_topic(broker_, "t", {R"({"schema":{"type":"struct","fields":[{"field":"after","type":
      "struct","fields":[{"field":"no","type":"int32"},{"field":"revenue","type":"bytes","name":
      "org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},{"field":"founded","type":
      "int32","name":"io.debezium.time.Date"},{"field":"logo","type":"bytes"}]}]},"payload":{"op":
      "c","before":null,"after":{"no":7,"revenue":"AfQ=","founded":20000,"logo":"AAAA"},"source":
      {"ts_ms":1,"lsn":1,"schema":"public","table":"kunden","name":"Prod.ERP"}}})"},
              1, R"({"schema":{},"payload":{"no":7}})");
  draft({.topics = {"t"}});
  EXPECT_EQ(status_.code(), ErrorCode::kConfig) << "no type";
  EXPECT_THAT(notes_, HasSubstr("--entity 'public.kunden=TYPE'"));
  const crm::Mapping mapping =
      mapping_of(draft({.topics = {"t"}, .entities = {"public.kunden=account"}}));
  EXPECT_EQ(mapping.topics.front().source, "prod-erp");
  const crm::EntityMapping& table = entity(mapping, "public.kunden");
  EXPECT_EQ(table.id_field, "no") << "the key's column";
  EXPECT_EQ(table.find("revenue")->form.scale, 2);
  EXPECT_EQ(table.find("founded")->form.numbers.unit, crm::TimeUnit::kDays);
  EXPECT_TRUE(table.find("logo")->dropped);
  EXPECT_EQ(problems_of(mapping), "");
}

TEST_F(Drafts, WrongOptionsSayWhatToDo) {
  write_crm();
  draft({.topics = {"other.*"}});
  EXPECT_EQ(status_.code(), ErrorCode::kNotFound);
  draft({.topics = {"cdc.crm.account"}, .source = "Not This"});
  EXPECT_THAT(status_.message(), HasSubstr("a-z 0-9"));
  draft({.topics = {"cdc.crm.account"}, .entities = {"crm.account=thing"}});
  EXPECT_THAT(status_.message(), HasSubstr("types: account contact"));
}

}  // namespace millrace::apps::mapping_draft_test
