#include "engine/http/peer_proof.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>

#include "millrace/core/topology.h"

#include "engine/base/numbers.h"
#include "engine/base/random_id.h"
#include "engine/http/request_parameters.h"

namespace millrace::engine {
namespace {

constexpr std::string_view kPeerScheme = "Millrace-Peer ";
constexpr std::string_view kRequestPurpose = "millrace peer request 1";
constexpr std::string_view kAnswerPurpose = "millrace peer answer 1";
constexpr size_t kPeerFields = 6;
constexpr size_t kPeerNameLengthMax = 200;
constexpr int64_t kPeerWaitMaxMs = 600'000;

/// instance:time:nonce:rights:wait
std::string text_of(const PeerClaims& claims) {
  std::string rights;
  for (const Right right : {Right::kRead, Right::kPersonal, Right::kRaw, Right::kOperate}) {
    if (!claims.rights.has(right)) continue;
    rights += fmt::format("{}{}", rights.empty() ? "" : ",", to_string(right));
  }
  return fmt::format("{}:{}:{}:{}:{}", claims.instance, claims.time_ms, claims.nonce, rights,
                     claims.wait_ms);
}

bool read_claims(const std::vector<std::string_view>& fields, PeerClaims& claims) {
  claims.instance = fields[0];
  claims.nonce = fields[2];
  for (const std::string_view name : split_at(fields[3], ',')) {
    for (const Right right : {Right::kRead, Right::kPersonal, Right::kRaw, Right::kOperate}) {
      if (to_string(right) == name) claims.rights.add(right);
    }
  }
  return is_legal_name(claims.instance, kPeerNameLengthMax) && is_random_id(claims.nonce) &&
         read_number(fields[1], claims.time_ms) && read_number(fields[4], claims.wait_ms) &&
         claims.wait_ms >= 0 && claims.wait_ms <= kPeerWaitMaxMs;
}

}  // namespace

std::string prove_request(const PeerKey& key, const PeerClaims& claims,
                          const PeerRequest& request) {
  const std::string text = text_of(claims);
  return fmt::format(
      "{}{}:{}", kPeerScheme, text,
      key.sign(kRequestPurpose, {text, request.method, request.target, request.body}));
}

bool is_peer_authorization(std::string_view authorization) {
  return authorization.starts_with(kPeerScheme);
}

Result<PeerClaims> check_request(const PeerKey& key, std::string_view authorization,
                                 const PeerRequest& request, int64_t now_ms) {
  const Error invalid{ErrorCode::kRefused,
                      "the proof is not by the key in query.peer.key.file: do all instances have "
                      "the same one?"};
  if (!is_peer_authorization(authorization)) return invalid;
  authorization.remove_prefix(kPeerScheme.size());
  const std::vector<std::string_view> fields = split_at(authorization, ':');
  if (fields.size() != kPeerFields) return invalid;
  const std::string_view text = authorization.substr(0, authorization.rfind(':'));
  if (!key.has_signed(fields.back(), kRequestPurpose,
                      {text, request.method, request.target, request.body})) {
    return invalid;
  }
  PeerClaims claims;
  if (!read_claims(fields, claims)) return invalid;
  if (claims.time_ms < now_ms - kPeerClockSkewMaxMs ||
      claims.time_ms > now_ms + kPeerClockSkewMaxMs) {
    return Error{ErrorCode::kRefused,
                 fmt::format("the clock of instance {} is {} ms away from this one's: set both by "
                             "NTP",
                             claims.instance, claims.time_ms - now_ms)};
  }
  return claims;
}

std::string prove_answer(const PeerKey& key, std::string_view nonce, unsigned status,
                         std::string_view body) {
  return key.sign(kAnswerPurpose, {nonce, std::to_string(status), body});
}

bool is_answer_proved(const PeerKey& key, std::string_view proof, std::string_view nonce,
                      unsigned status, std::string_view body) {
  return key.has_signed(proof, kAnswerPurpose, {nonce, std::to_string(status), body});
}

}  // namespace millrace::engine
