#pragma once

#include <filesystem>
#include <memory>

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

/// Those of a client that believes servers with a certificate for the name they were asked by, of
/// an authority in the PEM file; an empty path: of one that this system knows. Error: `kConfig`.
Result<std::shared_ptr<TlsSettings>> open_client_tls(const std::filesystem::path& authorities);

}  // namespace millrace::engine
