#include "engine/http/tls.h"

#include <ctime>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <fmt/format.h>
#include <openssl/x509.h>
#include <spdlog/spdlog.h>

#include "engine/base/file.h"
#include "engine/secrets/secret_file.h"

namespace millrace::engine {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;
using Context = std::shared_ptr<ssl::context>;

constexpr size_t kPemBytesMax = 1 << 20;
constexpr int kExpiryWarningDays = 7;

Error fault_of(const std::filesystem::path& file, const error_code& error) {
  return {ErrorCode::kConfig, fmt::format("{}: {}", file.string(), error.message())};
}

Result<std::string> read_pem(const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(file, error);
  if (error) return Error{ErrorCode::kConfig, file.string() + ": " + error.message()};
  Result<std::string> text = read_file(real, kPemBytesMax);
  if (!text.ok()) return Error{ErrorCode::kConfig, text.message()};
  return text;
}

void warn_of_expiry(ssl::context& context, const std::filesystem::path& file) {
  const X509* const certificate = SSL_CTX_get0_certificate(context.native_handle());
  if (certificate == nullptr) return;
  int days = 0;
  int seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1) return;
  if (days >= kExpiryWarningDays) return;
  const bool is_over = days < 0 || seconds < 0;
  spdlog::warn("the query server's certificate {} file={} days_left={}",
               is_over ? "has expired" : "expires soon", file.string(), days);
}

Result<Context> server_context(const std::filesystem::path& certificate,
                               const std::filesystem::path& key) {
  MILLRACE_RETURN_IF_ERROR(check_private(key));
  const Result<std::string> chain = read_pem(certificate);
  if (!chain.ok()) return chain.status();
  const Result<std::string> secret = read_pem(key);
  if (!secret.ok()) return secret.status();
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 |
                       ssl::context::no_tlsv1_1 | ssl::context::no_compression);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION);
  error_code error;
  // Without an answer OpenSSL would ask the terminal.
  context->set_password_callback([](size_t, ssl::context::password_purpose) { return ""; }, error);
  if (!error) context->use_certificate_chain(asio::buffer(*chain), error);
  if (error) return fault_of(certificate, error);
  context->use_private_key(asio::buffer(*secret), ssl::context::pem, error);
  if (error) return fault_of(key, error);  // also when it is not the certificate's
  warn_of_expiry(*context, certificate);
  return context;
}

Result<Context> client_context(const std::filesystem::path& authorities) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 |
                       ssl::context::no_tlsv1_1 | ssl::context::no_compression);
  error_code error;
  context->set_verify_mode(ssl::verify_peer, error);
  if (authorities.empty()) {
    if (!error) context->set_default_verify_paths(error);
    if (error) return Error{ErrorCode::kConfig, "no authorities of TLS: " + error.message()};
    return context;
  }
  const Result<std::string> text = read_pem(authorities);
  if (!text.ok()) return text.status();
  if (!error) context->add_certificate_authority(asio::buffer(*text), error);
  if (error) return fault_of(authorities, error);
  return context;
}

}  // namespace

Result<std::shared_ptr<TlsSettings>> open_server_tls(const std::filesystem::path& certificate,
                                                     const std::filesystem::path& key) {
  return TlsSettings::open({certificate, key},
                           [certificate, key] { return server_context(certificate, key); });
}

std::optional<int64_t> certificate_end_s(ssl::context& settings) {
  const X509* const certificate = SSL_CTX_get0_certificate(settings.native_handle());
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) {
    return std::nullopt;
  }
  return timegm(&end);
}

Result<std::shared_ptr<TlsSettings>> open_client_tls(const std::filesystem::path& authorities) {
  std::vector<std::filesystem::path> files;
  if (!authorities.empty()) files.push_back(authorities);
  return TlsSettings::open(std::move(files), [authorities] { return client_context(authorities); });
}

}  // namespace millrace::engine
