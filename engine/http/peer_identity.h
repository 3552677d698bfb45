#pragma once

#include <memory>
#include <string>

#include "engine/http/tls.h"
#include "engine/secrets/peer_key.h"

namespace millrace::engine {

/// How an instance asks others: by its name and key, and whom it believes over TLS.
struct PeerIdentity {
  std::string instance{};
  std::shared_ptr<const PeerKey> key{};  ///< null: it asks as anybody
  std::shared_ptr<TlsSettings> tls{};    ///< null: it asks nobody over TLS
};

}  // namespace millrace::engine
