#include "examples/nexmark/nexmark.h"

namespace mr = millrace;

namespace nexmark {
namespace {

bool is_selected(const Bid& bid) {
  return bid.auction() % 123 == 0;
}

}  // namespace

mr::Result<mr::Topology> q2() {
  mr::TopologyBuilder builder{"nexmark-q2"};
  builder.stream(kBids)
      .filter(is_selected)
      .map_values([](const Bid& bid) { return bid.price(); })
      .to(kSelected);
  return std::move(builder).build();
}

}  // namespace nexmark
