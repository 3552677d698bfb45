#include "engine/http/peer_proof.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "engine/base/random_id.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine::peer_proof_test {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

constexpr int64_t kNowMs = 1'700'000'000'000;
const PeerRequest kRequest{"POST", "/v1/peer/rows?a=1", "body"};

class PeerProofTest : public ::testing::Test {
 protected:
  PeerKey key(const std::string& secret, unsigned mode = 0600) {
    Result<PeerKey> loaded = load(secret, mode);
    EXPECT_TRUE(loaded.ok()) << loaded.message();
    return *std::move(loaded);
  }
  Result<PeerKey> load(const std::string& secret, unsigned mode) const {
    const fs::path file = directory_.path() / "key";
    fs::remove(file);
    std::ofstream(file) << secret << "\n";
    fs::permissions(file, static_cast<fs::perms>(mode));
    return PeerKey::load(file);
  }

  TempDirectory directory_;
  const PeerKey key_ = key(std::string(64, '1'));
  const PeerClaims claims_{"crm-1", kNowMs, random_id(), {Right::kRaw, Right::kRead}, 500};
  const std::string header_ = prove_request(key_, claims_, kRequest);
};

TEST_F(PeerProofTest, ClaimsArriveAsTheyWereMade) {
  const auto claims = check_request(key_, header_, kRequest, kNowMs + 1'000);
  ASSERT_TRUE(claims.ok()) << claims.message();
  EXPECT_EQ(claims->instance, "crm-1");
  EXPECT_EQ(claims->nonce, claims_.nonce);
  EXPECT_EQ(claims->rights, claims_.rights);
  EXPECT_EQ(claims->wait_ms, 500);
  EXPECT_TRUE(is_peer_authorization(header_));
  EXPECT_FALSE(is_peer_authorization("Bearer x"));
}

TEST_F(PeerProofTest, EveryPartIsProved) {
  EXPECT_FALSE(check_request(key_, header_, {"GET", kRequest.target, "body"}, kNowMs).ok());
  EXPECT_FALSE(check_request(key_, header_, {"POST", "/v1/other", "body"}, kNowMs).ok());
  EXPECT_FALSE(check_request(key_, header_, {"POST", kRequest.target, "other"}, kNowMs).ok());
  EXPECT_FALSE(check_request(key(std::string(64, '2')), header_, kRequest, kNowMs).ok());
  for (size_t i = 0; i < header_.size(); ++i) {
    std::string changed = header_;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_FALSE(check_request(key_, changed, kRequest, kNowMs).ok()) << i;
    EXPECT_FALSE(check_request(key_, header_.substr(0, i), kRequest, kNowMs).ok()) << i;
  }
}

TEST_F(PeerProofTest, AProofGrowsOld) {
  EXPECT_TRUE(check_request(key_, header_, kRequest, kNowMs + kPeerClockSkewMaxMs).ok());
  const auto late = check_request(key_, header_, kRequest, kNowMs + kPeerClockSkewMaxMs + 1);
  EXPECT_EQ(late.code(), ErrorCode::kRefused);
  EXPECT_THAT(late.message(), HasSubstr("clock"));
  EXPECT_FALSE(check_request(key_, header_, kRequest, kNowMs - kPeerClockSkewMaxMs - 1).ok());
}

TEST_F(PeerProofTest, AnAnswerIsForOneRequest) {
  const std::string proof = prove_answer(key_, "n", 200, "body");
  EXPECT_TRUE(is_answer_proved(key_, proof, "n", 200, "body"));
  EXPECT_FALSE(is_answer_proved(key_, proof, "m", 200, "body"));
  EXPECT_FALSE(is_answer_proved(key_, proof, "n", 503, "body"));
  EXPECT_FALSE(is_answer_proved(key_, proof, "n", 200, "bod"));
  EXPECT_FALSE(is_answer_proved(key_, "", "n", 200, "body"));
}

TEST_F(PeerProofTest, AKeyFileIsLongEnoughAndPrivate) {
  EXPECT_TRUE(load(std::string(32, 'x'), 0400).ok());
  EXPECT_EQ(load(std::string(31, 'x'), 0600).code(), ErrorCode::kConfig);
  const auto open = load("hunter2" + std::string(64, 'x'), 0644);
  EXPECT_EQ(open.code(), ErrorCode::kConfig);
  EXPECT_THAT(open.message(), HasSubstr("chmod 600"));
  EXPECT_THAT(open.message(), Not(HasSubstr("hunter2")));
}

}  // namespace millrace::engine::peer_proof_test
