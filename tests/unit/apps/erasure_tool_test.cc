#include "apps/cli/erasure_tool.h"

#include <string>

#include <gtest/gtest.h>

#include "millrace/core/serde.h"

#include "redirect_generated.h"

namespace millrace::apps::erasure_tool_test {

std::string redirect(const std::string& id, const std::string& root) {
  crm::RedirectT row;
  row.id = id;
  row.root = root;
  return Flat<crm::Redirect>(row).bytes();
}

TEST(Mentions, AreOfWholeIdsInKeysAndValues) {
  const std::string zero(1, '\0');
  EXPECT_TRUE(mentions("sf:001", "sf:001"));
  EXPECT_TRUE(mentions("contact/sf:001", "sf:001"));
  EXPECT_TRUE(mentions(Bytes("sf:001" + zero + "seats"), "sf:001"));
  EXPECT_TRUE(mentions(Bytes("sf:002" + zero + "sf:001"), "sf:001"));
  EXPECT_TRUE(mentions(Bytes(redirect("sf:002", "sf:001")), "sf:001"));
  EXPECT_TRUE(mentions(Bytes("sf:0012" + zero + "sf:001"), "sf:001"));
  for (const char* other : {"sf:0012", "xsf:001", "sf:00", ""}) {
    EXPECT_FALSE(mentions(other, "sf:001")) << other;
  }
  EXPECT_FALSE(mentions(Bytes(redirect("sf:002", "sf:0011")), "sf:001"));
}

TEST(MentionsInTopic, TellTheLastThatWasWrittenOfEachKey) {
  MentionsInTopic said("sf:001");
  const std::string of_it = redirect("sf:001", "sf:001");
  const std::string to_it = redirect("sf:002", "sf:001");
  const std::string own = redirect("sf:002", "sf:002");
  said.add(0, 1, "sf:001", Bytes(of_it));
  said.add(1, 1, "sf:002", Bytes(to_it));
  said.add(1, 2, "sf:003", Bytes(own));
  ASSERT_EQ(said.found().size(), 2U);
  EXPECT_TRUE(said.found().at("sf:002").in_value);
  said.add(0, 2, "sf:001", Bytes());
  said.add(1, 3, "sf:002", Bytes(own));
  ASSERT_EQ(said.found().size(), 1U);
  EXPECT_TRUE(said.found().at("sf:001").is_tombstone);
  EXPECT_EQ(said.found().at("sf:001").offset, 2);
}

}  // namespace millrace::apps::erasure_tool_test
