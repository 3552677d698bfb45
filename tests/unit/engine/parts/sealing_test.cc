#include "engine/secrets/sealing.h"

#include <gmock/gmock.h>

#include "tests/unit/engine/secret_files.h"

namespace millrace::engine::sealing_test {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Sealing, OpensWhatItSealedOnlyWithTheSameKeyAndContext) {
  const SecretFiles files;
  const auto key = SealingKey::load(files.write("a", std::string(64, '1')));
  const auto other = SealingKey::load(files.write("b", std::string(64, '2') + "\n"));
  ASSERT_TRUE(key.ok() && other.ok());
  const std::string sealed = key->seal("jane@example.org", "value of t/0@7");
  EXPECT_THAT(sealed, Not(HasSubstr("jane")));
  EXPECT_EQ(sealed.size(), std::string_view("jane@example.org").size() + 28);
  EXPECT_EQ(*key->open(Bytes(sealed), "value of t/0@7"), "jane@example.org");
  EXPECT_EQ(key->open(Bytes(sealed), "value of t/0@8").code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ(other->open(Bytes(sealed), "value of t/0@7").code(), ErrorCode::kInvalidRecord);
  EXPECT_NE(key->id(), other->id());
  EXPECT_NE(key->seal("jane@example.org", "value of t/0@7"), sealed);
}

TEST(Sealing, BytesThatWereChangedOrCutAreRefused) {
  const SecretFiles files;
  const auto key = SealingKey::load(files.write("a", std::string(64, '1')));
  const std::string sealed = key->seal("", "c");
  EXPECT_EQ(*key->open(Bytes(sealed), "c"), "");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(key->open(Bytes(changed), "c").ok()) << i;
    EXPECT_FALSE(key->open(Bytes(std::string_view(sealed).substr(0, i)), "c").ok()) << i;
  }
}

TEST(Sealing, AFileThatIsNoKeyIsNamedAndNotQuoted) {
  const SecretFiles files;
  for (const std::string& text :
       {std::string("hunter2"), std::string(63, 'a'), std::string(64, 'g'), std::string(" \n")}) {
    const auto key = SealingKey::load(files.write("bad", text));
    ASSERT_FALSE(key.ok()) << text;
    EXPECT_EQ(key.code(), ErrorCode::kConfig);
    EXPECT_THAT(key.message(), HasSubstr("bad: "));
    EXPECT_THAT(key.message(), Not(HasSubstr("hunter2")));
  }
  EXPECT_EQ(SealingKey::load("/nowhere/key").code(), ErrorCode::kConfig);
}

}  // namespace millrace::engine::sealing_test
