#include "engine/group/life_watch.h"

#include <gtest/gtest.h>

#include "engine/base/random_id.h"

namespace millrace::engine::life_watch_test {

InstanceReport signed_by(const LifeWatch& lives) {
  InstanceReport report;
  report.instance = "a";
  lives.sign(report);
  return report;
}

TEST(LifeWatch, ExactlyTheYoungerOfTwoIsCalledOut) {
  LifeWatch elder("a");
  LifeWatch younger("a");
  const InstanceReport first = signed_by(elder);
  const InstanceReport second = signed_by(younger);
  for (LifeWatch* const lives : {&elder, &younger}) {
    lives->see(first);
    lives->see(second);
  }
  EXPECT_TRUE(elder.take_found());
  EXPECT_FALSE(elder.take_found()) << "it is news once";
  EXPECT_FALSE(younger.take_found());
  const InstanceReport answer = signed_by(elder);
  EXPECT_EQ(answer.rival, second.life);
  for (LifeWatch* const lives : {&elder, &younger}) lives->see(answer);
  EXPECT_TRUE(younger.is_called_out());
  EXPECT_FALSE(elder.is_called_out());
}

TEST(LifeWatch, ReportsThatTheElderWritesLaterMakeItNoYoungerOne) {
  LifeWatch elder("a");
  LifeWatch younger("a");
  younger.see(signed_by(elder));
  younger.see(signed_by(younger));
  younger.see(signed_by(elder));
  EXPECT_FALSE(younger.take_found());
  EXPECT_FALSE(younger.is_called_out());
}

TEST(LifeWatch, OtherNamesAndReportsWithoutALifeDoNotMatter) {
  LifeWatch lives("a");
  lives.see(signed_by(lives));
  InstanceReport other = signed_by(LifeWatch("b"));
  other.instance = "b";
  other.rival = signed_by(lives).life;
  lives.see(other);
  InstanceReport old;
  old.instance = "a";
  lives.see(old);
  EXPECT_FALSE(lives.take_found());
  EXPECT_FALSE(lives.is_called_out());
}

TEST(LifeWatch, EveryFurtherYoungerOneIsNews) {
  LifeWatch lives("a");
  lives.see(signed_by(lives));
  for (int i = 0; i < 3; ++i) {
    const InstanceReport next = signed_by(LifeWatch("a"));
    lives.see(next);
    EXPECT_TRUE(lives.take_found());
    EXPECT_EQ(signed_by(lives).rival, next.life);
  }
}

}  // namespace millrace::engine::life_watch_test
