#include <algorithm>
#include <iterator>
#include <utility>

#include "examples/nexmark/nexmark.h"

namespace mr = millrace;

namespace nexmark {
namespace {

std::pair<WindowStartMs, mr::Flat<HotItems>> candidate(const mr::WindowedView<AuctionId>& auction,
                                                       int64_t bids) {
  HotItemsT items;
  items.auctions = {auction.key};
  items.bids = bids;
  return {auction.start_ms, mr::Flat<HotItems>(items)};
}

mr::Flat<HotItems> hotter(const HotItems& so_far, const HotItems& other) {
  HotItemsT items;
  (other.bids() > so_far.bids() ? other : so_far).UnPackTo(&items);
  if (other.bids() == so_far.bids()) {
    items.auctions.clear();
    std::ranges::merge(*so_far.auctions(), *other.auctions(), std::back_inserter(items.auctions));
  }
  return mr::Flat<HotItems>(items);
}

}  // namespace

mr::Result<mr::Topology> q5() {
  mr::TopologyBuilder builder{"nexmark-q5"};
  builder.stream(kBids, time_of<Bid>)
      .group_by_key()
      .windowed_by(mr::TimeWindows::of(kWindow).advance_by(kAdvance).grace(kGrace))
      .emit_final()
      .count("bid-counts")
      .map(candidate)
      .group_by_key()
      .reduce("hot-items", hotter)
      .to(kHotItems);
  return std::move(builder).build();
}

}  // namespace nexmark
