#include "examples/nexmark/nexmark.h"

namespace mr = millrace;

namespace nexmark {
namespace {

mr::Flat<Bid> in_euros(const Bid& bid) {
  BidT converted;
  bid.UnPackTo(&converted);
  converted.price = bid.price() * 908 / 1'000;
  return mr::Flat<Bid>(converted);
}

}  // namespace

mr::Result<mr::Topology> q1() {
  mr::TopologyBuilder builder{"nexmark-q1"};
  builder.stream(kBids).map_values(in_euros).to(kEuroBids);
  return std::move(builder).build();
}

}  // namespace nexmark
