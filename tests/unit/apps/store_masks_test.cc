// Rows of all stores of the CRM job as JSON, and what callers see of them.
#include "apps/materializer/store_masks.h"

#include <map>
#include <memory>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/query_server.h"
#include "millrace/testing/topology_driver.h"

#include "account_territory_generated.h"
#include "apps/cli/query_tool.h"
#include "child_update_generated.h"
#include "crm/account_topology.h"
#include "crm/signals/signal_topology.h"
#include "engine/run/row_json.h"
#include "entitlement_input_generated.h"
#include "merge_signal_generated.h"
#include "table_floor_generated.h"

namespace millrace::apps::store_masks_test {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

constexpr const char* kSecret = "0731-12345";

/// With records of all kinds that need stores, and a personal field in two of them.
crm::Mapping mapping() {
  Result<crm::Mapping> read = crm::parse_mapping(R"({"topics": {
    "crm.raw.sf": {"format": "salesforce_cometd", "source": "sf", "entities": {
      "Account": {"type": "account", "master": "MasterRecordId",
                  "fields": {"Name": {"name": "name", "personal": true},
                             "Phone": {"name": "phone", "personal": true},
                             "MasterRecordId": "master"}},
      "Contact": {"type": "contact", "parent": "AccountId",
                  "fields": {"AccountId": "account", "Tel": {"name": "phone", "personal": true}}},
      "Asset": {"type": "asset", "parent": "AccountId",
                "fields": {"AccountId": "account", "Product": "product",
                           "Quantity": "quantity"}}}},
    "crm.raw.erp": {"format": "debezium", "source": "erp", "entities": {
      "crm.customers": {"type": "account", "id": "id"}}}}})");
  EXPECT_TRUE(read.ok()) << read.message();
  return *std::move(read);
}

std::unique_ptr<crm::VersionT> version() {
  return std::make_unique<crm::VersionT>();
}

template <class Object>
std::unique_ptr<Object> field(const char* name, const char* value) {
  auto made = std::make_unique<Object>();
  made->name = name;
  made->value = value;
  made->version = version();
  return made;
}

std::unique_ptr<crm::AccountRowT> account_row() {
  auto row = std::make_unique<crm::AccountRowT>();
  row->id = "sf:1";
  row->fields.push_back(field<crm::RowFieldT>("city", "Ulm"));
  row->fields.push_back(field<crm::RowFieldT>("phone", kSecret));
  row->logs.push_back(std::make_unique<crm::AccountRowT>());
  row->logs.back()->id = "sf:1";
  row->logs.back()->fields.push_back(field<crm::RowFieldT>("phone", kSecret));
  return row;
}

std::unique_ptr<crm::TableFloorT> floor() {
  auto made = std::make_unique<crm::TableFloorT>();
  made->version = version();
  return made;
}

/// A row's value of each table type, by the type's name.
class Samples {
 public:
  Samples() {
    add<crm::AccountRow>(*account_row());
    add<crm::Redirect>({});
    add<crm::Erasure>({});
    add<crm::ChildCounts>({});
    add<crm::AccountTerritory>({});
    add<crm::EntitlementInput>({});
    add<crm::FeatureEntitlement>({});
    crm::MemberUpdateT member;
    member.row = account_row();
    add<crm::MemberUpdate>(member);
    crm::AccountStateT state;
    state.fields.push_back(field<crm::GoldenFieldT>("city", "Ulm"));
    state.fields.push_back(field<crm::GoldenFieldT>("phone", kSecret));
    add<crm::AccountState>(state);
    crm::ChildUpdateT child;
    child.row = account_row();
    add<crm::ChildUpdate>(child);
    crm::PastParentT parent;
    parent.version = version();
    add<crm::PastParent>(parent);
    crm::TableFloorsT floors;
    floors.floors.push_back(floor());
    add<crm::TableFloors>(floors);
    crm::TableSweepT sweep;
    sweep.floor = floor();
    add<crm::TableSweep>(sweep);
    add<crm::TableSnapshots>({});
  }

  /// Null: there is none.
  const std::string* find(const TypeInfo& type) const {
    const auto found = samples_.find(type.name);
    return found == samples_.end() ? nullptr : &found->second;
  }

 private:
  template <class Table>
  void add(const typename Table::NativeTableType& object) {
    samples_[Table::GetFullyQualifiedName()] = Flat<Table>(object).bytes();
  }

  std::map<std::string, std::string, std::less<>> samples_;
};

Json shown(const StoreSpec& store, const std::string& value, Rights rights) {
  const auto view = engine::row_view(store, store_masks(mapping()), rights, nullptr);
  EXPECT_TRUE(view) << store.name;
  return view ? engine::row_json(store, "sf:1", Bytes(value), *view) : Json();
}

TEST(CrmStores, AllTablesCanBeReadAsJson) {
  const Result<Topology> topology = crm::account_topology(mapping());
  ASSERT_TRUE(topology.ok()) << topology.message();
  const Samples samples;
  size_t tables = 0;
  for (const StoreSpec& store : topology->stores()) {
    if (!store.value.name.starts_with("millrace.")) continue;
    ++tables;
    const std::string* const sample = samples.find(store.value);
    ASSERT_NE(sample, nullptr) << store.name << " has values without a sample";
    const Json row = shown(store, *sample, {Right::kRaw});
    EXPECT_EQ(row["key"], "sf:1") << store.name;
    EXPECT_TRUE(row["value"].is_object() && !row["value"].contains("hex")) << store.name << row;
  }
  EXPECT_GT(tables, 15U);
}

TEST(CrmStores, OfTimersHaveTextsAsKeys) {
  const Result<Topology> topology = crm::account_topology(mapping());
  const std::string due = std::string("\x03\0\0\0\0\0\0\0\x09", 9) + "sf:1\x02";
  size_t stores = 0;
  for (const StoreSpec& store : topology->stores()) {
    if (!store.timers) continue;
    ++stores;
    EXPECT_EQ(engine::row_json(store, Bytes(due), "", {.shows_all = true}),
              Json({{"key", "sf:1"}, {"kind", 2}, {"due_ms", 9}}))
        << store.name;
  }
  EXPECT_GT(stores, 5U);
}

TEST(StoreMasks, HidePersonalFieldsInEveryStoreThatIsOpen) {
  const Result<Topology> topology = crm::account_topology(mapping());
  const Samples samples;
  size_t with_fields = 0;
  for (const auto& [name, mask] : store_masks(mapping())) {
    const StoreSpec* const store = topology->find_store(name);
    ASSERT_NE(store, nullptr) << name;
    if (store->timers) continue;
    const std::string* const sample = samples.find(store->value);
    ASSERT_NE(sample, nullptr) << name << " is open, but no store of tables";
    const std::string row = shown(*store, *sample, {Right::kRead}).dump();
    EXPECT_THAT(row, Not(HasSubstr(kSecret))) << name;
    EXPECT_THAT(row, Not(HasSubstr("hidden"))) << name;
    const std::string whole = shown(*store, *sample, {Right::kRead, Right::kPersonal}).dump();
    if (whole.find(kSecret) == std::string::npos) continue;
    ++with_fields;
    EXPECT_THAT(row, HasSubstr(R"("name":"phone","value":"***")")) << name;
    EXPECT_THAT(row, HasSubstr(R"("name":"city","value":"Ulm")")) << "a name is no value: " << name;
  }
  EXPECT_EQ(with_fields, 6U);
}

TEST(StoreMasks, LeaveOtherStoresToTheRightToRawRows) {
  const Result<Topology> topology = crm::account_topology(mapping());
  for (const std::string_view name :
       {crm::kForestStore, crm::kErasureStore, crm::kEntitlementSourceStore,
        crm::kEntitlementZoneStore, crm::kTransactionStore, crm::kTransactionTimers}) {
    const StoreSpec* const store = topology->find_store(name);
    ASSERT_NE(store, nullptr) << name;
    EXPECT_FALSE(
        engine::row_view(*store, store_masks(mapping()), {Right::kRead, Right::kPersonal}, nullptr))
        << name;
  }
}

/// An account in the job, behind a server.
class ScannedStore : public ::testing::Test {
 protected:
  ScannedStore() : topology_(crm::account_topology()), driver_(topology_) {
    crm::AccountChangeT change;
    change.id = "sf:1";
    change.version = version();
    change.full_image = true;
    for (const auto& [name, value] : {std::pair("city", "Ulm"), std::pair("phone", kSecret)}) {
      change.fields.push_back(std::make_unique<crm::FieldValueT>());
      change.fields.back()->name = name;
      change.fields.back()->value = value;
    }
    const Flat<crm::AccountChange> flat(change);
    driver_.pipe_bytes(crm::kAccounts.name, "k", Bytes(flat.bytes()), 1);
    driver_.run();
  }

  std::string scan(Rights rights, bool is_hex) {
    QueryServer server({.threads = 1, .anonymous = rights});
    add_engine_routes(server, driver_.engine(), *topology_, store_masks(mapping()));
    const Result<int> port = server.start();
    ScanFlags flags{.store = std::string(crm::kRowStore), .is_hex = is_hex};
    flags.server.urls = {"http://127.0.0.1:" + std::to_string(port.value())};
    std::ostringstream out;
    const Status status = scan_store(flags, out);
    return status.ok() ? out.str() : std::string(status.message());
  }

  const Result<Topology> topology_;
  testing::TopologyDriver driver_;
};

TEST_F(ScannedStore, ShowsACallerHisPartOfARow) {
  const std::string masked = scan({Right::kRead}, false);
  EXPECT_THAT(masked, ::testing::StartsWith(R"({"key":"sf:1","value":{"id":"sf:1",)"));
  EXPECT_THAT(masked, HasSubstr(R"("name":"phone","value":"***")"));
  EXPECT_THAT(scan({Right::kRaw}, false), HasSubstr(kSecret));
  EXPECT_THAT(scan({Right::kRaw}, true), HasSubstr(R"("value_hex":")"));
  EXPECT_THAT(scan({Right::kRead}, true), HasSubstr("'raw'"));
}

}  // namespace millrace::apps::store_masks_test
