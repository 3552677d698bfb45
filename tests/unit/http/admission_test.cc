#include "engine/http/admission.h"

#include <vector>

#include <gtest/gtest.h>

namespace millrace::engine::admission_test {

using Entry = Admission::Entry;

TEST(Admission, KeepsAReserveWhenAllIsTaken) {
  Admission admission({.connections_max = 2, .per_address_max = 2, .reserved_max = 2});
  const auto one = admission.enter("a");
  const auto two = admission.enter("b");
  EXPECT_EQ(one.entry(), Entry::kOpen);
  EXPECT_EQ(two.entry(), Entry::kOpen);
  const auto three = admission.enter("c");
  const auto four = admission.enter("d");
  EXPECT_EQ(three.entry(), Entry::kReserved);
  EXPECT_EQ(four.entry(), Entry::kReserved);
  const auto five = admission.enter("e");
  EXPECT_EQ(five.entry(), Entry::kNoneLeft);
  EXPECT_FALSE(five.is_taken());
  EXPECT_EQ(admission.connections(), 4);
}

TEST(Admission, AnAddressGetsItsShareAndHalfOfTheReserve) {
  Admission admission({.connections_max = 10, .per_address_max = 1, .reserved_max = 4});
  std::vector<Admission::Place> places;
  std::vector<Entry> entries;
  for (int i = 0; i < 4; ++i) {
    places.push_back(admission.enter("a"));
    entries.push_back(places.back().entry());
  }
  EXPECT_EQ(entries, (std::vector{Entry::kOpen, Entry::kReserved, Entry::kReserved,
                                  Entry::kNoneLeftOfAddress}));
  EXPECT_EQ(admission.enter("b").entry(), Entry::kOpen);
}

TEST(Admission, APlaceIsGivenBackOnce) {
  Admission admission({.connections_max = 1, .per_address_max = 1, .reserved_max = 0});
  {
    Admission::Place first = admission.enter("a");
    Admission::Place moved = std::move(first);
    EXPECT_EQ(admission.enter("a").entry(), Entry::kNoneLeft);
  }
  EXPECT_EQ(admission.connections(), 0);
  EXPECT_EQ(admission.enter("a").entry(), Entry::kOpen);
}

}  // namespace millrace::engine::admission_test
