#include <tuple>

#include "examples/nexmark/nexmark.h"

namespace mr = millrace;

namespace nexmark {
namespace {

/// Of equal prices the earlier bid is the higher one, whichever comes first.
mr::Flat<Bid> higher(const Bid& a, const Bid& b) {
  const auto rank = [](const Bid& bid) {
    return std::tuple(-bid.price(), bid.date_time_ms(), bid.auction(), bid.bidder());
  };
  BidT higher;
  (rank(a) < rank(b) ? a : b).UnPackTo(&higher);
  return mr::Flat<Bid>(higher);
}

}  // namespace

mr::Result<mr::Topology> q7() {
  mr::TopologyBuilder builder{"nexmark-q7"};
  builder.stream(kBids, time_of<Bid>)
      .group_by_key()
      .windowed_by(mr::TimeWindows::of(kWindow).grace(kGrace))
      .emit_final()
      .reduce("auction-bids", higher)
      .key_by(
          [](const mr::WindowedView<AuctionId>& auction, const Bid&) { return auction.start_ms; })
      .group_by_key()
      .reduce("highest-bids", higher)
      .to(kHighestBids);
  return std::move(builder).build();
}

}  // namespace nexmark
