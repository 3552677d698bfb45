#include "engine/run/query_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/engine/config_table.h"

namespace millrace::engine::query_settings_test {

using ::testing::Contains;

TEST(QuerySettings, OnlyAServerOnLoopbackIsOperatedWithoutAToken) {
  EngineOptions options;
  EXPECT_TRUE(anonymous_rights(options, false).has(Right::kOperate));
  options.query_host = "0.0.0.0";
  EXPECT_EQ(anonymous_rights(options, false), (Rights{Right::kRead, Right::kRaw}));
}

TEST(QuerySettings, RawRowsAreClosedOnceTheyHoldPersonalData) {
  const EngineOptions options;
  EXPECT_TRUE(anonymous_rights(options, false).has(Right::kRaw));
  EXPECT_FALSE(anonymous_rights(options, true).has(Right::kRaw));
  EXPECT_FALSE(anonymous_rights(options, false).has(Right::kPersonal));
}

TEST(QuerySettings, AdvertiseWhatOthersCanConnectTo) {
  EngineOptions options;
  EXPECT_EQ(advertised_endpoint(options, 80), "127.0.0.1:80");
  for (const char* all : {"0.0.0.0", "::", "[::]"}) {
    options.query_host = all;
    EXPECT_EQ(advertised_endpoint(options, 80), "");
  }
  options.query_advertised_host = "::1";
  EXPECT_EQ(advertised_endpoint(options, 80), "[::1]:80");
  options.query_advertised_host = "[::1]";
  EXPECT_EQ(advertised_endpoint(options, 80), "[::1]:80");
  options.query_advertised_host = "crm-1.example.com";
  EXPECT_EQ(advertised_endpoint(options, 80), "crm-1.example.com:80");
  EXPECT_THAT(server_options(options).allowed_hosts, Contains("crm-1.example.com"));
  options.query_tls_certificate_file = "/c.pem";
  EXPECT_EQ(advertised_endpoint(options, 80), "https://crm-1.example.com:80");
}

TEST(QuerySettings, TlsNeedsCertificateAndKey) {
  EngineOptions options;
  EXPECT_EQ(tls_fault(options), "");
  options.query_tls_authority_file = "/ca.pem";
  EXPECT_NE(tls_fault(options), "");
  options.query_tls_certificate_file = "/c.pem";
  EXPECT_NE(tls_fault(options), "");
  options.query_tls_key_file = "/k.pem";
  EXPECT_EQ(tls_fault(options), "");
}

TEST(QuerySettings, AreCheckedWhenTheyAreRead) {
  EngineOptions options;
  ConfigTable table;
  add_engine_options(table, options);
  for (const char* host : {"_", "a_b", "0.0.0.0", "::", "a b", "http://a", "a:80"}) {
    EXPECT_FALSE(table.set("query.advertised.host", host, "test").ok()) << host;
  }
  for (const char* host : {"", "a", "::1", "[::1]", "10.0.0.1", "crm-1.example.com"}) {
    EXPECT_TRUE(table.set("query.advertised.host", host, "test").ok()) << host;
  }
  for (const char* hosts : {"", "*", "a", "a,b.example.com"}) {
    EXPECT_TRUE(table.set("query.allowed.hosts", hosts, "test").ok()) << hosts;
  }
  for (const char* hosts : {",", "a,,b", "a b", "a_b", "http://a"}) {
    EXPECT_FALSE(table.set("query.allowed.hosts", hosts, "test").ok()) << hosts;
  }
  options.query_allowed_hosts = "a,b";
  EXPECT_THAT(server_options(options).allowed_hosts, ::testing::IsSupersetOf({"a", "b"}));
}

}  // namespace millrace::engine::query_settings_test
