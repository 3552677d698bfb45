#include "examples/nexmark/nexmark.h"

namespace mr = millrace;

namespace nexmark {

mr::Result<mr::Topology> q0() {
  mr::TopologyBuilder builder{"nexmark-q0"};
  builder.stream(kBids).to(kPassed);
  return std::move(builder).build();
}

}  // namespace nexmark
