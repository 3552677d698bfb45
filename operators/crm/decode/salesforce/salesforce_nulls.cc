#include "crm/decode/salesforce/salesforce_nulls.h"

#include <algorithm>
#include <array>
#include <set>

namespace millrace::crm {
namespace {

constexpr std::string_view kAddress = "Address";
/// Parts of a compound address field. Source: "Address Compound Fields" in Salesforce's Object
/// Reference.
constexpr std::array<std::string_view, 10> kAddressParts{
    "Street",    "City",        "State",    "PostalCode", "Country",
    "StateCode", "CountryCode", "Latitude", "Longitude",  "GeocodeAccuracy"};

bool is_part_of(std::string_view name, std::string_view compound) {
  return name.size() > compound.size() && name[compound.size()] == '.' &&
         name.starts_with(compound);
}

}  // namespace

void SalesforceNulls::begin(const ChangeEventHeader& header) {
  named_ = header.nulled_fields;
  if (header.kind == ChangeKind::kUpdate && format_ != RawFormat::kSalesforceCometd) {
    named_.insert(named_.end(), header.changed_fields.begin(), header.changed_fields.end());
  }
  std::ranges::sort(named_);
  const auto twice = std::ranges::unique(named_);
  named_.erase(twice.begin(), twice.end());
}

bool SalesforceNulls::is_named(std::string_view name) const {
  for (;;) {
    if (std::ranges::binary_search(named_, name)) return true;
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return false;
    name = name.substr(0, dot);
  }
}

bool SalesforceNulls::says_null(std::string_view name) const {
  if (format_ == RawFormat::kSalesforceCometd || is_named(name)) return true;
  if (format_ != RawFormat::kSalesforceConnect || named_.empty()) return false;
  const std::string nested = nested_address_name(name);
  return !nested.empty() && is_named(nested);
}

std::vector<std::string_view> SalesforceNulls::without_leaf(
    std::span<const JsonLeaf> leaves) const {
  std::vector<std::string_view> names;
  const auto has = [&](std::string_view name) {
    return std::ranges::binary_search(leaves, name, {}, &JsonLeaf::name);
  };
  const auto has_part_of = [&](std::string_view compound) {
    std::string prefix(compound);
    prefix += '.';
    const auto first = std::ranges::lower_bound(leaves, prefix, {}, &JsonLeaf::name);
    return first != leaves.end() && first->name.starts_with(prefix);
  };
  for (const std::string_view name : named_) {
    if (has(name) || has_part_of(name)) continue;
    if (format_ == RawFormat::kSalesforceConnect && has(flat_address_name(name))) continue;
    names.push_back(name);
  }
  return names;
}

std::vector<std::string> fields_of_null(std::string_view name, const EntityMapping& entity) {
  std::set<std::string> parts{std::string(name)};
  for (const auto& [mapped, unused] : entity.fields) {
    if (is_part_of(mapped, name)) parts.insert(mapped);
  }
  return {parts.begin(), parts.end()};
}

std::string nested_address_name(std::string_view flat_name) {
  std::string_view longest;
  for (const std::string_view part : kAddressParts) {
    if (flat_name.ends_with(part) && part.size() > longest.size()) longest = part;
  }
  if (longest.empty() || flat_name.size() == longest.size()) return {};
  std::string nested(flat_name.substr(0, flat_name.size() - longest.size()));
  return nested.append(kAddress).append(1, '.').append(longest);
}

std::string flat_address_name(std::string_view nested_name) {
  const size_t dot = nested_name.find('.');
  if (dot == std::string_view::npos) return {};
  const std::string_view compound = nested_name.substr(0, dot);
  const std::string_view part = nested_name.substr(dot + 1);
  if (!compound.ends_with(kAddress) ||
      std::ranges::find(kAddressParts, part) == kAddressParts.end())
    return {};
  return std::string(compound.substr(0, compound.size() - kAddress.size())).append(part);
}

}  // namespace millrace::crm
