#include "engine/group/report_proof.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/key_file.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine::report_proof_test {

class ReportProof : public ::testing::Test {
 protected:
  TempDirectory directory_;
  const std::shared_ptr<const PeerKey> key_ = key_of(write_key(directory_.path() / "key", '1'));
};

TEST_F(ReportProof, HoldsForTheReportAndItsTopic) {
  const std::string proved = with_proof(*key_, "reports", R"({"instance":"a","held":{"0_1":7}})");
  EXPECT_TRUE(is_proved(*key_, "reports", proved));
  EXPECT_FALSE(is_proved(*key_, "others", proved));
}

TEST_F(ReportProof, NoDepthOfARecordExhaustsTheStack) {
  constexpr size_t kDepth = 450'000;
  const std::string deep = R"({"proof":"x","instance":"a","y":)" + std::string(kDepth, '[') +
                           std::string(kDepth, ']') + "}";
  EXPECT_FALSE(is_proved(*key_, "reports", deep));
}

/// If the time grew with the square of their number, whoever may write to the topic could hold up
/// every instance.
TEST_F(ReportProof, ManyObjectsInARecordAreReadInATimeThatGrowsWithTheirNumber) {
  constexpr size_t kObjects = 600'000;
  std::string many = R"({"instance":"a","z":[{})";
  for (size_t i = 1; i < kObjects; ++i) many += ",{}";
  many += "]}";
  EXPECT_FALSE(is_proved(*key_, "reports", many));
  EXPECT_TRUE(is_proved(*key_, "reports", with_proof(*key_, "reports", many)));
}

}  // namespace millrace::engine::report_proof_test
