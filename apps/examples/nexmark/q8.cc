#include "examples/nexmark/nexmark.h"

namespace mr = millrace;

namespace nexmark {
namespace {

using Opening = mr::Joined<Person, Auction>;

bool is_in_one_window(const mr::ViewOf<Opening>& opening) {
  constexpr int64_t kWindowMs = std::chrono::milliseconds(kWindow).count();
  return opening.left.date_time_ms() / kWindowMs == opening.right.date_time_ms() / kWindowMs;
}

mr::Flat<NewSeller> seller(const mr::ViewOf<Opening>& opening) {
  NewSellerT seller;
  seller.name = opening.left.name()->str();
  return mr::Flat<NewSeller>(seller);
}

mr::Flat<NewSeller> first(const NewSeller& seller, const NewSeller&) {
  NewSellerT same;
  seller.UnPackTo(&same);
  return mr::Flat<NewSeller>(same);
}

}  // namespace

mr::Result<mr::Topology> q8() {
  mr::TopologyBuilder builder{"nexmark-q8"};
  const auto auctions =
      builder.stream(kAuctions, time_of<Auction>).key_by([](const Auction& auction) {
        return auction.seller();
      });
  builder.stream(kPersons, time_of<Person>)
      .join(auctions, mr::JoinWindows::of_time_difference(kWindow).grace(kGrace),
            {.name = "openings"})
      .filter(is_in_one_window)
      .map_values(seller)
      .group_by_key()
      .windowed_by(mr::TimeWindows::of(kWindow).grace(kGrace))
      .reduce("new-sellers", first)
      .to(kNewSellers);
  return std::move(builder).build();
}

}  // namespace nexmark
