#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "millrace/core/result.h"

#include "engine/base/reloaded.h"

namespace boost::asio::ssl {
class context;
}

namespace millrace::engine {

/// Settings of TLS connections, renewed when their files change.
using TlsSettings = Reloaded<boost::asio::ssl::context>;

/// Those of a server: `certificate` is a PEM file with its certificate, followed by those of the
/// authorities between it and a root; `key` a PEM file with the private key, without a password.
/// TLS 1.2 is the least. Error: `kConfig`, which names the file and its fault.
Result<std::shared_ptr<TlsSettings>> open_server_tls(const std::filesystem::path& certificate,
                                                     const std::filesystem::path& key);

/// When the certificate of `settings` ends, in seconds since 1970; nothing: it has none.
std::optional<int64_t> certificate_end_s(boost::asio::ssl::context& settings);

/// Those of a client that believes servers with a certificate for the name they were asked by, of
/// an authority in the PEM file; an empty path: of one that this system knows. Error: `kConfig`.
Result<std::shared_ptr<TlsSettings>> open_client_tls(const std::filesystem::path& authorities);

}  // namespace millrace::engine
