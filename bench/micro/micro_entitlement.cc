// Cost of deriving one account's entitlements: reading its sources, grants, time zone
// and sweep. All grants are of one feature, the worst case of a sweep; each is within one of
// several contracts, half have a suspension and grace, and all overlap many others.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "crm/entitlement/timeline.h"

namespace millrace::crm {
namespace {

constexpr int32_t kFirstDay = 19'500;
constexpr size_t kGrantsPerContract = 10;

class Account {
 public:
  Account(size_t grants, FeatureKind kind) {
    const size_t contracts = 1 + grants / kGrantsPerContract;
    for (size_t i = 0; i < contracts; ++i) {
      GrantSourceT contract = source_of(fmt::format("bench:contract-{}", i));
      contract.kind = GrantSourceKind::Contract;
      contract.period->start_date = kFirstDay;
      contract.period->end_date = kFirstDay + 2'000;
      write(contract);
    }
    for (size_t i = 0; i < grants; ++i) write(line(i, contracts, kind));
  }

  std::vector<SourceView> sources() const {
    std::vector<SourceView> views;
    views.reserve(rows_.size());
    for (const std::string& row : rows_) {
      views.push_back(read_source(*flatbuffers::GetRoot<GrantSource>(row.data()), "bench:account"));
    }
    return views;
  }

 private:
  static GrantSourceT source_of(std::string id) {
    GrantSourceT source;
    source.id = std::move(id);
    source.version = std::make_unique<VersionT>();
    source.period = std::make_unique<PeriodT>();
    return source;
  }

  static GrantSourceT line(size_t i, size_t contracts, FeatureKind kind) {
    const auto step = static_cast<int32_t>(i * 37 % 1'000);
    GrantSourceT source = source_of(fmt::format("bench:line-{}", i));
    source.kind = GrantSourceKind::ContractLine;
    source.within = {fmt::format("bench:contract-{}", i % contracts)};
    source.period->start_date = kFirstDay + step;
    source.period->end_date = kFirstDay + step + 365;
    auto term = std::make_unique<FeatureTermT>();
    term->feature = "seats";
    term->kind = kind;
    term->amount = static_cast<int64_t>(i % 7 + 1);
    if (i % 2 == 0) {
      term->grace_days = 14;
      auto suspension = std::make_unique<PeriodT>();
      suspension->start_date = kFirstDay + step + 100;
      suspension->end_date = kFirstDay + step + 129;
      source.suspensions.push_back(std::move(suspension));
    }
    source.terms.push_back(std::move(term));
    return source;
  }

  void write(const GrantSourceT& source) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(GrantSource::Pack(builder, &source));
    rows_.emplace_back(reinterpret_cast<const char*>(builder.GetBufferPointer()),
                       builder.GetSize());
  }

  std::vector<std::string> rows_;
};

/// The sum of the shares that cover a segment's start, or the largest of them.
int64_t expected(const Timeline& timeline, const Segment& segment) {
  int64_t sum = 0;
  int64_t most = 0;
  for (const Share& share : timeline.shares) {
    if (share.status != segment.status || !share.time.contains(segment.time.from_ms)) continue;
    sum += share.amount;
    most = std::max(most, share.amount);
  }
  return timeline.kind == FeatureKind::QuantitySum ? sum : most;
}

/// range(0): grants; range(1): kind.
void derive(benchmark::State& state) {
  const auto grants = static_cast<size_t>(state.range(0));
  const auto kind = static_cast<FeatureKind>(state.range(1));
  const Account account(grants, kind);
  const Zone zone = Zone::find("Europe/Berlin").value_or(Zone());
  const Catalogue catalogue;
  std::vector<Timeline> timelines;
  for (auto _ : state) {
    const std::vector<SourceView> sources = account.sources();
    timelines = derive_entitlements(sources, zone, catalogue);
    benchmark::DoNotOptimize(timelines.data());
  }
  if (timelines.size() != 1 || timelines[0].segments.empty()) {
    return state.SkipWithError("no segments");
  }
  for (const Segment& segment : timelines[0].segments) {
    if (segment.amount != expected(timelines[0], segment)) state.SkipWithError("wrong amount");
  }
  state.counters["segments"] = static_cast<double>(timelines[0].segments.size());
}
BENCHMARK(derive)
    ->ArgNames({"grants", "kind"})
    ->ArgsProduct({{1, 10, 1'000, 10'000},
                   {static_cast<int64_t>(FeatureKind::QuantitySum),
                    static_cast<int64_t>(FeatureKind::QuantityMax)}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace millrace::crm
