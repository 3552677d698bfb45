#include "engine/http/tls.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "millrace/engine/metrics.h"
#include "millrace/engine/query_server.h"

#include "engine/http/http_client.h"
#include "tests/unit/http/certificate.h"
#include "tests/unit/http/raw_client.h"
#include "tests/unit/temp_directory.h"

namespace millrace::tls_test {

using ::testing::HasSubstr;

/// Longer than a server takes to notice a file.
constexpr std::chrono::seconds kNoticed{30};

/// Of `write_certificate`.
constexpr double kCertificateSeconds = 30 * 86'400;

class TlsTest : public ::testing::Test {
 protected:
  Status start(const CertificateFiles& files) {
    server_.emplace(QueryServerOptions{.threads = 2,
                                       .tls_certificate_file = files.certificate,
                                       .tls_key_file = files.key,
                                       .metrics = &metrics_});
    server_->route({.pattern = "/v1/live",
                    .right = Right::kNone,
                    .handler = [](const HttpRequest&) { return HttpAnswer{.body = "alive"}; }});
    server_->route(
        {.pattern = "/v1/large", .right = Right::kNone, .handler = [](const HttpRequest&) {
           return HttpAnswer{.body = std::string(8 << 20, 'x')};
         }});
    const Result<int> port = server_->start();
    if (!port.ok()) return port.status();
    port_ = *port;
    return {};
  }
  std::unique_ptr<engine::HttpClient> client(const CertificateFiles& authority) const {
    auto tls = engine::open_client_tls(authority.certificate);
    EXPECT_TRUE(tls.ok()) << tls.message();
    auto opened = engine::HttpClient::open("https://127.0.0.1:" + std::to_string(port_), {}, {},
                                           tls.ok() ? *tls : nullptr);
    EXPECT_TRUE(opened.ok()) << opened.message();
    return *std::move(opened);
  }
  Status ask(engine::HttpClient& client, const std::string& path = "/v1/live") {
    body_.clear();
    return client.get(
        {.target = path, .body_bytes_max = 16 << 20},
        [](const engine::HttpClient::Head&) { return Status(); },
        [this](std::string_view bytes) {
          body_.append(bytes);
          return Status();
        });
  }
  Status ask(const CertificateFiles& authority) { return ask(*client(authority)); }

  TempDirectory directory_;
  const CertificateFiles files_ = write_certificate(directory_.path(), "server");
  Metrics metrics_{"test"};
  std::optional<QueryServer> server_;
  int port_ = 0;
  std::string body_;
};

TEST_F(TlsTest, AnswersSeveralRequestsOnAConnection) {
  ASSERT_TRUE(start(files_).ok());
  const auto kept = client(files_);
  const Status first = ask(*kept);
  ASSERT_TRUE(first.ok()) << first.message();
  EXPECT_EQ(body_, "alive");
  ASSERT_TRUE(ask(*kept, "/v1/large").ok());
  EXPECT_EQ(body_.size(), 8U << 20);
  EXPECT_EQ(metrics_.query_connections().value(), 1);
}

TEST_F(TlsTest, ACertificateOfAnotherAuthorityIsNotBelieved) {
  ASSERT_TRUE(start(files_).ok());
  const Status asked = ask(write_certificate(directory_.path(), "other"));
  EXPECT_EQ(asked.code(), ErrorCode::kRefused) << asked.message();
  EXPECT_THAT(asked.message(), HasSubstr("certificate"));
}

TEST_F(TlsTest, ACertificateForAnotherHostIsNotBelieved) {
  const CertificateFiles other = write_certificate(directory_.path(), "other", "DNS:example.com");
  ASSERT_TRUE(start(other).ok());
  EXPECT_EQ(ask(other).code(), ErrorCode::kRefused);
}

TEST_F(TlsTest, ARequestInTheClearIsNotAnswered) {
  ASSERT_TRUE(start(files_).ok());
  const RawClient clear(port_);
  clear.send("GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(clear.read_all().find("alive"), std::string::npos);
  EXPECT_EQ(metrics_.query_refusals("tls").value(), 1);
}

TEST_F(TlsTest, NewConnectionsGetARenewedCertificate) {
  ASSERT_TRUE(start(files_).ok());
  const auto kept = client(files_);
  ASSERT_TRUE(ask(*kept).ok());
  const CertificateFiles renewed = write_certificate(directory_.path(), "server");
  const auto until = std::chrono::steady_clock::now() + kNoticed;
  while (!ask(renewed).ok() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_TRUE(ask(renewed).ok());
  EXPECT_TRUE(ask(*kept).ok()) << "its connection stays";
}

TEST_F(TlsTest, MetricsTellWhenTheCertificateEnds) {
  EXPECT_EQ(metrics_.text().find("millrace_certificate_expiry"), std::string::npos);
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  ASSERT_TRUE(start(files_).ok());
  const std::string text = metrics_.text();
  const std::string name = "\nmillrace_certificate_expiry_timestamp_seconds ";
  const size_t at = text.find(name);
  ASSERT_NE(at, std::string::npos) << text;
  const double left_s =
      std::stod(text.substr(at + name.size())) - std::chrono::duration<double>(before).count();
  EXPECT_NEAR(left_s, kCertificateSeconds, 60);
}

TEST_F(TlsTest, AFaultyRenewalLeavesTheFormerCertificate) {
  ASSERT_TRUE(start(files_).ok());
  std::filesystem::remove(files_.key);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1'500);
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_TRUE(ask(files_).ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

TEST_F(TlsTest, FilesThatDoNotFitEndTheStart) {
  const CertificateFiles other = write_certificate(directory_.path(), "other");
  const Status mixed = start({files_.certificate, other.key});
  EXPECT_EQ(mixed.code(), ErrorCode::kConfig);
  EXPECT_THAT(mixed.message(), HasSubstr("other.key"));
  EXPECT_EQ(start({directory_.path() / "none.pem", files_.key}).code(), ErrorCode::kConfig);
  EXPECT_EQ(start({files_.key, files_.key}).code(), ErrorCode::kConfig);
  std::filesystem::permissions(files_.key, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  const Status open = start(files_);
  EXPECT_EQ(open.code(), ErrorCode::kConfig);
  EXPECT_THAT(open.message(), HasSubstr("chmod"));
  EXPECT_EQ(engine::open_client_tls(directory_.path() / "none.pem").code(), ErrorCode::kConfig);
}

}  // namespace millrace::tls_test
