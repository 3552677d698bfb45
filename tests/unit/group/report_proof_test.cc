#include "engine/group/report_proof.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/temp_directory.h"

namespace millrace::engine::report_proof_test {

class ReportProof : public ::testing::Test {
 protected:
  static PeerKey make_key(const std::filesystem::path& file) {
    std::ofstream(file) << std::string(64, '1');
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return PeerKey::load(file).value();
  }

  TempDirectory directory_;
  const PeerKey key_ = make_key(directory_.path() / "key");
};

TEST_F(ReportProof, HoldsForTheReportAndItsTopic) {
  const std::string proved = with_proof(key_, "reports", R"({"instance":"a","held":{"0_1":7}})");
  EXPECT_TRUE(is_proved(key_, "reports", proved));
  EXPECT_FALSE(is_proved(key_, "others", proved));
}

TEST_F(ReportProof, NoDepthOfARecordExhaustsTheStack) {
  constexpr size_t kDepth = 450'000;
  const std::string deep = R"({"proof":"x","instance":"a","y":)" + std::string(kDepth, '[') +
                           std::string(kDepth, ']') + "}";
  EXPECT_FALSE(is_proved(key_, "reports", deep));
}

}  // namespace millrace::engine::report_proof_test
