#include <algorithm>

#include "examples/nexmark/nexmark.h"

namespace mr = millrace;

namespace nexmark {
namespace {

using Offer = mr::Joined<Auction, Bid>;

bool is_open(const mr::ViewOf<Offer>& offer) {
  return offer.right.date_time_ms() <= offer.left.expires_ms();
}

mr::Flat<WinningBid> highest(const mr::ViewOf<Offer>& offer, mr::Maybe<WinningBid> so_far) {
  WinningBidT winning;
  winning.category = offer.left.category();
  winning.price = std::max(offer.right.price(), so_far ? so_far->price() : 0);
  return mr::Flat<WinningBid>(winning);
}

mr::Flat<CategoryPrice> price(int64_t auctions, int64_t total) {
  CategoryPriceT price;
  price.auctions = auctions;
  price.total = total;
  price.average = auctions == 0 ? 0 : total / auctions;
  return mr::Flat<CategoryPrice>(price);
}

mr::Flat<CategoryPrice> add(const WinningBid& bid, const CategoryPrice& so_far) {
  return price(so_far.auctions() + 1, so_far.total() + bid.price());
}

mr::Flat<CategoryPrice> subtract(const WinningBid& bid, const CategoryPrice& so_far) {
  return price(so_far.auctions() - 1, so_far.total() - bid.price());
}

}  // namespace

mr::Result<mr::Topology> q4() {
  mr::TopologyBuilder builder{"nexmark-q4"};
  const auto auctions = builder.stream(kAuctions, time_of<Auction>);
  const auto bids = builder.stream(kBids, time_of<Bid>);
  auctions
      .join(bids, mr::JoinWindows::of_time_difference({}).after(kAuctionMax).grace(kGrace),
            {.name = "offers"})
      .filter(is_open)
      .aggregate("winning-bids", highest)
      .group_by([](const WinningBid& bid) { return bid.category(); })
      .aggregate("category-prices", price(0, 0), add, subtract)
      .to(kAverages);
  return std::move(builder).build();
}

}  // namespace nexmark
