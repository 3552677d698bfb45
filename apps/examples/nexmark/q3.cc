#include "examples/nexmark/nexmark.h"

namespace mr = millrace;

namespace nexmark {
namespace {

bool is_in_category(const Auction& auction) {
  return auction.category() == 10;
}

bool is_local(const Person& person) {
  const std::string_view state = person.state()->string_view();
  return state == "OR" || state == "ID" || state == "CA";
}

mr::Flat<LocalItem> offer(const Auction& auction, const Person& seller) {
  LocalItemT item;
  item.auction = auction.id();
  item.seller = seller.name()->str();
  item.city = seller.city()->str();
  item.state = seller.state()->str();
  return mr::Flat<LocalItem>(item);
}

}  // namespace

mr::Result<mr::Topology> q3() {
  mr::TopologyBuilder builder{"nexmark-q3"};
  const auto sellers = builder.table(kPersons).filter(is_local);
  builder.table(kAuctions)
      .filter(is_in_category)
      .join(sellers, [](const Auction& auction) { return auction.seller(); }, offer,
            {.name = "local-items"})
      .to(kLocalItems);
  return std::move(builder).build();
}

}  // namespace nexmark
