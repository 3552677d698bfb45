#include <gtest/gtest.h>

#include "engine/base/endpoint.h"
#include "engine/http/allowed_hosts.h"

namespace millrace::engine::hosts_test {

TEST(AllowedHosts, TakeAddressesLocalhostAndTheNamesGiven) {
  const AllowedHosts hosts({"Crm.example.com"});
  for (const char* host :
       {"127.0.0.1", "127.0.0.1:8090", "[::1]", "[::1]:8090", "10.1.2.3:80", "localhost",
        "LOCALHOST:1", "crm.EXAMPLE.com:8090", "crm.example.com."}) {
    EXPECT_TRUE(hosts.allows(host)) << host;
  }
  for (const char* host : {"", "evil.example.com", "localhost.evil.com:8090", "x", "::1", "crm",
                           "127.0.0.1.evil.com", "[::1].evil.com"}) {
    EXPECT_FALSE(hosts.allows(host)) << host;
  }
  EXPECT_TRUE(AllowedHosts({"*"}).allows("evil.example.com"));
}

TEST(Endpoint, IsReadAndWrittenWithBracketsAroundIpv6) {
  const auto six = parse_endpoint("[::1]:8090");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->port, 8090);
  EXPECT_EQ(six->to_string(), "[::1]:8090");
  EXPECT_EQ(parse_endpoint("crm_1.example.com:80")->to_string(), "crm_1.example.com:80");
  for (const char* text : {"", "host", ":80", "host:0", "host:65536", "host:x", "::1:8090", "[::1]",
                           "[host]:80", "[127.0.0.1]:80", "a b:80", "user@host:80"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
}

TEST(HostName, HasLabelsOfLettersDigitsAndInnerHyphens) {
  for (const char* name : {"a", "crm-1.example.com", "127.0.0.1"}) EXPECT_TRUE(is_host_name(name));
  for (const char* name : {"", "_", "a_b", "-a", "a-", "a..b", ".a", "a.", "a b", "a:1"}) {
    EXPECT_FALSE(is_host_name(name)) << name;
  }
  EXPECT_FALSE(is_host_name(std::string(64, 'a')));
}

TEST(Addresses, AreKnownByTheirMeaning) {
  for (const char* text : {"0.0.0.0", "::", "[::]", "0:0:0:0:0:0:0:0"}) {
    EXPECT_TRUE(is_any_address(text)) << text;
  }
  for (const char* text : {"127.0.0.1", "::1", "host", ""}) EXPECT_FALSE(is_any_address(text));
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"}) {
    EXPECT_TRUE(is_loopback(text)) << text;
  }
  for (const char* text : {"0.0.0.0", "128.0.0.1", "::", "::2", "host"}) {
    EXPECT_FALSE(is_loopback(text)) << text;
  }
}

}  // namespace millrace::engine::hosts_test
