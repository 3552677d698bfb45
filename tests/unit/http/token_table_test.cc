#include "engine/http/token_table.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "millrace/engine/query_server.h"

#include "engine/secrets/bearer.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine::token_table_test {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

const std::string kHash = salted_hash("0123456789abcdef", "s3cret");
const std::string kLine = "ui read,personal 0123456789abcdef " + kHash + "\n";

TEST(TokenTable, FindsTheCallerOfAToken) {
  const auto table =
      TokenTable::parse("# callers\n\n" + kLine + "ops\toperate saltsalt " +
                            salted_hash("saltsalt", "other") + "  # the pager\r\nanonymous read",
                        "file");
  ASSERT_TRUE(table.ok()) << table.message();
  ASSERT_NE(table->find("s3cret"), nullptr);
  EXPECT_EQ(table->find("s3cret")->name, "ui");
  EXPECT_EQ(table->find("s3cret")->rights, (Rights{Right::kRead, Right::kPersonal}));
  EXPECT_EQ(table->find("other")->rights, (Rights{Right::kOperate}));
  for (const char* token : {"", "s3cre", "s3cret2", "S3cret"}) {
    EXPECT_EQ(table->find(token), nullptr) << token;
  }
  EXPECT_EQ(table->find(kHash), nullptr) << "the hash is no token";
  EXPECT_EQ(table->anonymous(), (Rights{Right::kRead}));
}

TEST(TokenTable, ItsHashIsThatOfOrdinaryTools) {
  // printf %s 'salted' | sha256sum
  EXPECT_EQ(salted_hash("sal", "ted"),
            "fff8183339f0018181a3bf8eee82afddfe501781c1d76b02f4ea9b75f1701097");
}

TEST(TokenTable, AnonymousHasNothingUnlessALineSaysSo) {
  EXPECT_TRUE(TokenTable::parse(kLine, "file")->anonymous().empty());
}

TEST(TokenTable, FaultsNameTheLineAndNoSecret) {
  for (const std::string& line : std::vector<std::string>{
           "s3cret", "ui read 0123456789abcdef", "ui nothing 0123456789abcdef " + kHash,
           "ui peer 0123456789abcdef " + kHash, "u/i read 0123456789abcdef " + kHash,
           "ui read short " + kHash, "ui read 0123456789abcdef s3cret", kLine + kLine,
           "anonymous read 0123456789abcdef " + kHash, "ui read, 0123456789abcdef " + kHash}) {
    const auto table = TokenTable::parse("\n" + line, "file");
    ASSERT_FALSE(table.ok()) << line;
    EXPECT_EQ(table.code(), ErrorCode::kConfig);
    EXPECT_THAT(table.message(), HasSubstr(line == kLine + kLine ? "file:3: " : "file:2: "));
    EXPECT_THAT(table.message(), Not(HasSubstr("s3cret")));
    EXPECT_THAT(table.message(), Not(HasSubstr(kHash)));
  }
}

TEST(TokenTable, AFileThatOthersReadOrWriteIsRefused) {
  const TempDirectory directory;
  const fs::path file = directory.path() / "tokens";
  std::ofstream(file) << kLine;
  for (const auto& [mode, is_fine] : std::vector<std::pair<unsigned, bool>>{
           {0600, true}, {0400, true}, {0640, true}, {0660, false}, {0644, false}, {0602, false}}) {
    fs::permissions(file, static_cast<fs::perms>(mode));
    const auto table = TokenTable::load(file);
    EXPECT_EQ(table.ok(), is_fine) << mode;
    if (!is_fine) {
      EXPECT_THAT(table.message(), HasSubstr("chmod 600"));
    }
  }
  EXPECT_EQ(TokenTable::load(directory.path() / "nowhere").code(), ErrorCode::kConfig);
}

TEST(Bearer, IsTheTextBehindTheScheme) {
  EXPECT_EQ(bearer_token("Bearer s3cret"), "s3cret");
  EXPECT_EQ(bearer_token("bearer s3cret"), "s3cret");
  for (const char* header : {"", "Bearer", "Bearer ", "s3cret", "Basic s3cret"}) {
    EXPECT_EQ(bearer_token(header), "") << header;
  }
}

/// Replaces the file at once, so that nobody reads half of it.
void replace(const fs::path& file, const std::string& text) {
  const fs::path next = file.string() + ".next";
  std::ofstream(next) << text;
  fs::permissions(next, fs::perms::owner_read);
  fs::rename(next, file);
}

TEST(TokenTable, AChangedFileIsReadAgain) {
  const TempDirectory directory;
  const fs::path file = directory.path() / "tokens";
  replace(file, kLine);
  const auto followed = follow_token_file(file);
  ASSERT_TRUE(followed.ok()) << followed.message();
  ASSERT_NE((*followed)->get()->find("s3cret"), nullptr);
  replace(file, "anonymous read\n");
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while ((*followed)->get()->find("s3cret") != nullptr) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "the token was withdrawn";
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  replace(file, "nonsense\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(1'200));
  EXPECT_EQ((*followed)->get()->anonymous(), (Rights{Right::kRead})) << "the former rights stay";
}

}  // namespace millrace::engine::token_table_test
