#include "crm/entitlement/catalogue.h"

#include <utility>

#include "millrace/core/serde.h"

#include "product_features_generated.h"

namespace millrace::crm {

Status Catalogue::put(Bytes product_features) {
  MILLRACE_RETURN_IF_ERROR(Serde<ProductFeatures>::validate(product_features));
  const auto& given = Serde<ProductFeatures>::view(product_features);
  MILLRACE_RETURN_IF_ERROR(check_terms(given.terms()));
  Product& product = products_[given.product()->str()];
  product.bytes = product_features.to_string();
  product.terms = read_terms(Serde<ProductFeatures>::view(Bytes(product.bytes)).terms());
  return {};
}

void Catalogue::erase(std::string_view product) {
  if (const auto it = products_.find(product); it != products_.end()) products_.erase(it);
}

std::span<const TermView> Catalogue::terms_of(std::string_view product) const {
  if (product.empty()) return {};
  const auto it = products_.find(product);
  return it == products_.end() ? std::span<const TermView>() : it->second.terms;
}

}  // namespace millrace::crm
