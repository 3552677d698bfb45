#include "crm/entitlement/source.h"

#include <algorithm>
#include <string>

#include "crm/model/encode.h"
#include "crm/model/ids.h"

namespace millrace::crm {
namespace {

using Terms = flatbuffers::Vector<flatbuffers::Offset<FeatureTerm>>;

Error invalid(std::string message) {
  return {ErrorCode::kInvalidRecord, std::move(message)};
}

template <class T>
size_t size_of(const T* vector) {
  return vector == nullptr ? 0 : vector->size();
}

template <class Enum>
bool is_known(Enum value, Enum last) {
  return value >= Enum{} && value <= last;
}

bool is_date(std::optional<int32_t> date) {
  return !date || (*date >= kDateMin && *date <= kDateMax);
}
bool is_moment(std::optional<int64_t> ms) {
  return !ms || (*ms >= kMomentMsMin && *ms <= kMomentMsMax);
}

bool is_period(const Period& period) {
  return is_date(period.start_date()) && is_date(period.end_date()) &&
         is_moment(period.start_ms()) && is_moment(period.end_ms());
}

bool is_feature_name(std::string_view name) {
  constexpr char kFirstPrintable = 0x20;
  constexpr char kDelete = 0x7f;
  const auto is_control = [](char c) { return (c >= 0 && c < kFirstPrintable) || c == kDelete; };
  return !name.empty() && name.size() <= kFeatureBytesMax && std::ranges::none_of(name, is_control);
}

Status check_term(const FeatureTerm& term) {
  if (!is_feature_name(text_of(term.feature()))) return invalid("the name of a feature is invalid");
  if (!is_known(term.kind(), FeatureKind::MAX)) return invalid("unknown kind of feature");
  if (term.amount() < 0) return invalid("negative amount of a feature");
  if (text_of(term.text()).size() > kTermTextBytesMax)
    return invalid("a feature's text is too long");
  if (term.grace_days() < 0 || term.grace_days() > kGraceDaysMax) {
    return invalid("the days of grace are out of bounds");
  }
  return {};
}

Status check_times(const GrantSource& source) {
  const auto* suspensions = source.suspensions();
  if (size_of(suspensions) > kSuspensionsMax) return invalid("too many suspensions");
  bool fit = source.period() == nullptr || is_period(*source.period());
  for (size_t i = 0; i < size_of(suspensions); ++i) {
    fit = fit && is_period(*suspensions->Get(static_cast<flatbuffers::uoffset_t>(i)));
  }
  fit = fit && is_date(source.terminated_date()) && is_moment(source.terminated_ms());
  return fit ? Status() : invalid("a date or moment is out of bounds");
}

Status check_within(const GrantSource& source) {
  if (source.within() == nullptr) return {};
  if (source.within()->size() > kWithinMax)
    return invalid("the source lies within too many sources");
  for (const flatbuffers::String* id : *source.within()) {
    if (!is_internal_id(id->string_view()))
      return invalid("the id of a containing source is not source:id");
  }
  return {};
}

PeriodView read_period(const Period& period) {
  return {.start_date = period.start_date(),
          .start_ms = period.start_ms(),
          .end_date = period.end_date(),
          .end_ms = period.end_ms()};
}

}  // namespace

Status check_terms(const Terms* terms) {
  if (size_of(terms) > kTermsMax) return invalid("too many features");
  std::vector<std::string_view> names;
  for (size_t i = 0; i < size_of(terms); ++i) {
    const FeatureTerm& term = *terms->Get(static_cast<flatbuffers::uoffset_t>(i));
    MILLRACE_RETURN_IF_ERROR(check_term(term));
    names.push_back(term.feature()->string_view());
  }
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end())
    return invalid("two terms name the same feature");
  return {};
}

Status check_source(const GrantSource& source) {
  if (!is_internal_id(source.id()->string_view()))
    return invalid("the id of a source is not source:id");
  if (!is_known(source.kind(), GrantSourceKind::MAX)) return invalid("unknown kind of source");
  if (!is_known(source.status(), GrantSourceStatus::MAX)) return invalid("unknown status");
  if (!is_known(source.precedence(), Precedence::MAX)) return invalid("unknown precedence");
  const int64_t quantity = source.quantity().value_or(0);
  if (quantity > kQuantityMax || quantity < -kQuantityMax)
    return invalid("the quantity is out of bounds");
  MILLRACE_RETURN_IF_ERROR(check_times(source));
  MILLRACE_RETURN_IF_ERROR(check_within(source));
  if (source.kind() == GrantSourceKind::LedgerEntry && size_of(source.within()) != 1) {
    return invalid("a ledger entry must lie within one subscription");
  }
  if (source.kind() == GrantSourceKind::Usage &&
      (source.period() == nullptr ||
       (!source.period()->start_date() && !source.period()->start_ms()))) {
    return invalid("a usage without a time");
  }
  return check_terms(source.terms());
}

std::vector<TermView> read_terms(const Terms* terms) {
  std::vector<TermView> views;
  views.reserve(size_of(terms));
  for (size_t i = 0; i < size_of(terms); ++i) {
    const FeatureTerm& term = *terms->Get(static_cast<flatbuffers::uoffset_t>(i));
    views.push_back({.feature = term.feature()->string_view(),
                     .kind = term.kind(),
                     .amount = term.amount(),
                     .text = text_of(term.text()),
                     .per_unit = term.per_unit(),
                     .grace_days = term.grace_days()});
  }
  return views;
}

SourceView read_source(const GrantSource& source, std::string_view via) {
  SourceView view{.id = source.id()->string_view(),
                  .via = via,
                  .kind = source.kind(),
                  .status = source.status(),
                  .precedence = source.precedence(),
                  .version = view_of(*source.version()),
                  .terminated_date = source.terminated_date(),
                  .terminated_ms = source.terminated_ms(),
                  .quantity = source.quantity(),
                  .product = text_of(source.product()),
                  .terms = read_terms(source.terms())};
  if (source.period() != nullptr) view.period = read_period(*source.period());
  if (source.suspensions() != nullptr) {
    for (const Period* period : *source.suspensions()) {
      view.suspensions.push_back(read_period(*period));
    }
  }
  if (source.within() != nullptr) {
    for (const flatbuffers::String* id : *source.within()) {
      view.within.push_back(id->string_view());
    }
  }
  return view;
}

}  // namespace millrace::crm
