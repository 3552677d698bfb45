#pragma once

#include <string>
#include <string_view>

#include "engine/secrets/peer_key.h"

/// Whoever may write to the topic of reports could send the others to any address; so instances
/// that have a key put a proof into their reports, a member that others ignore.
namespace millrace::engine {

/// `report`, as `encode_report` wrote it for `topic`, with a proof.
std::string with_proof(const PeerKey& key, std::string_view topic, std::string_view report);
/// Whether a record of `topic` is such a report.
bool is_proved(const PeerKey& key, std::string_view topic, std::string_view value);

}  // namespace millrace::engine
