#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/result.h"
#include "millrace/engine/http_route.h"

#include "engine/secrets/peer_key.h"

namespace millrace::engine {

/// The header with the proof of an answer to another instance.
inline constexpr const char* kPeerProofHeader = "Millrace-Proof";

/// An instance's claims in a request to another one. Neither a caller's token nor the key travels.
struct PeerClaims {
  std::string instance;  ///< that asks
  int64_t time_ms = 0;   ///< wall clock
  std::string nonce;     ///< random: an answer is for one request
  Rights rights;         ///< of the caller on whose behalf it asks
  int64_t wait_ms = 0;   ///< how long it waits for the answer
};

/// The parts of a request that its proof covers besides the claims.
struct PeerRequest {
  std::string_view method;  ///< "GET", "POST"
  std::string_view target;
  std::string_view body;
};

/// Claims are good for that long, before and after their time.
inline constexpr int64_t kPeerClockSkewMaxMs = 30'000;

/// Value of the `Authorization` header.
std::string prove_request(const PeerKey& key, const PeerClaims& claims, const PeerRequest& request);
/// Whether a request's `Authorization` header is of that kind.
bool is_peer_authorization(std::string_view authorization);
/// The claims that `authorization` proves. Error: `kRefused`, with the cause.
Result<PeerClaims> check_request(const PeerKey& key, std::string_view authorization,
                                 const PeerRequest& request, int64_t now_ms);

/// Value of `kPeerProofHeader`: that `body` is an instance's answer to the request with that nonce.
std::string prove_answer(const PeerKey& key, std::string_view nonce, unsigned status,
                         std::string_view body);
bool is_answer_proved(const PeerKey& key, std::string_view proof, std::string_view nonce,
                      unsigned status, std::string_view body);

}  // namespace millrace::engine
