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

/// What each product or plan gives. Not thread-safe while products are put in.
class Catalogue {
 public:
  Catalogue() = default;
  Catalogue(const Catalogue&) = delete;  // terms are views of what is kept here
  Catalogue& operator=(const Catalogue&) = delete;

  /// Takes the bytes of a `ProductFeatures`, which replace those of the same product: views of
  /// what was there before die. Error: `kInvalidRecord`; nothing is changed then.
  Status put(Bytes product_features);
  /// A product that nobody has any more.
  void erase(std::string_view product);
  /// Nothing for a product that is not there.
  std::span<const TermView> terms_of(std::string_view product) const;

 private:
  struct Product {
    std::string bytes;
    std::vector<TermView> terms;
  };
  std::map<std::string, Product, std::less<>> products_;
};

}  // namespace millrace::crm
