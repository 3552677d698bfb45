#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "crm/entitlement/source.h"

namespace millrace::crm {

/// The features that each product or plan gives. Not thread-safe while `put` or `erase` runs.
class Catalogue {
 public:
  Catalogue() = default;
  Catalogue(const Catalogue&) = delete;  // terms are views of what is kept here
  Catalogue& operator=(const Catalogue&) = delete;

  /// Copies the bytes of a `ProductFeatures`, which replace those of the same product: views of the
  /// old bytes die. Error: `kInvalidRecord`; then nothing changes.
  Status put(Bytes product_features);
  /// Removes a product.
  void erase(std::string_view product);
  /// Empty for an unknown product.
  std::span<const TermView> terms_of(std::string_view product) const;

 private:
  struct Product {
    std::string bytes;
    std::vector<TermView> terms;
  };
  std::map<std::string, Product, std::less<>> products_;
};

}  // namespace millrace::crm
