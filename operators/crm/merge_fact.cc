#include "crm/merge_fact.h"

#include <algorithm>

#include "crm/encode.h"
#include "crm/ids.h"

namespace millrace::crm {
namespace {

Error invalid(const char* what) {
  return Error{ErrorCode::kInvalidRecord, what};
}

Status check_authority(const OwnedMergeFact& fact) {
  switch (fact.authority) {
    case MergeAuthority::Transaction:
    case MergeAuthority::MasterRecord:
      if (fact.kind == MergeFactKind::Merge) return {};
      return invalid("a signal of a merge that is none");
    case MergeAuthority::Undelete:
      if (fact.kind == MergeFactKind::Unmerge) return {};
      return invalid("an undelete that is no un-merge");
    case MergeAuthority::Explicit:
      return {};
  }
  return invalid("a merge fact of an authority that this version does not know");
}

}  // namespace

OwnedMergeFact copy_merge_fact(const MergeFact& fact) {
  OwnedMergeFact copy{.victim = fact.victim()->str(),
                      .version = OwnedVersion(view_of(*fact.version())),
                      .authority = fact.authority(),
                      .kind = fact.kind()};
  if (fact.kind() == MergeFactKind::Merge && fact.survivor() != nullptr) {
    copy.survivor = fact.survivor()->str();
  }
  if (fact.kind() == MergeFactKind::Split && fact.successors() != nullptr) {
    for (const flatbuffers::String* successor : *fact.successors()) {
      copy.successors.push_back(successor->str());
    }
    std::ranges::sort(copy.successors);
    copy.successors.erase(std::unique(copy.successors.begin(), copy.successors.end()),
                          copy.successors.end());
  }
  return copy;
}

Result<OwnedMergeFact> read_merge_fact(const MergeFact& fact) {
  OwnedMergeFact copy = copy_merge_fact(fact);
  if (fact.kind() < MergeFactKind::MIN || fact.kind() > MergeFactKind::MAX) {
    return invalid("a merge fact of a kind that this version does not know");
  }
  if (!is_internal_id(copy.victim)) return invalid("a merge fact whose victim is not source:id");
  if (fact.kind() == MergeFactKind::Merge && !is_internal_id(copy.survivor)) {
    return invalid("a merge whose survivor is not source:id");
  }
  if (fact.kind() == MergeFactKind::Split && copy.successors.empty()) {
    return invalid("a split without successors");
  }
  if (!std::ranges::all_of(copy.successors, is_internal_id)) {
    return invalid("a split with a successor that is not source:id");
  }
  MILLRACE_RETURN_IF_ERROR(check_authority(copy));
  return copy;
}

flatbuffers::Offset<MergeFact> write_merge_fact(flatbuffers::FlatBufferBuilder& builder,
                                                const OwnedMergeFact& fact) {
  const auto victim = builder.CreateString(fact.victim);
  const auto survivor = write_text(builder, fact.survivor);
  using Successors = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;
  const auto successors = fact.successors.empty() ? flatbuffers::Offset<Successors>()
                                                  : builder.CreateVectorOfStrings(fact.successors);
  const auto version = write_version(builder, fact.version.view());
  const flatbuffers::Offset<flatbuffers::String> no_origin;
  return CreateMergeFact(builder, victim, fact.kind, survivor, successors, version, no_origin,
                         fact.authority);
}

std::optional<OwnedMergeFact> deciding_fact(std::vector<OwnedMergeFact> facts) {
  std::ranges::sort(facts);
  const OwnedMergeFact* stated = nullptr;
  const OwnedMergeFact* signal = nullptr;
  const OwnedMergeFact* taken_back_by = nullptr;
  for (const OwnedMergeFact& fact : facts) {
    if (fact.authority == MergeAuthority::Explicit) {
      stated = &fact;
    } else if (fact.kind == MergeFactKind::Merge) {
      signal = &fact;
    } else if (signal != nullptr || fact.authority != MergeAuthority::Undelete) {
      taken_back_by = &fact;
      signal = nullptr;
    }
  }
  const OwnedMergeFact* decides = stated;
  if (signal != nullptr && (stated == nullptr || *stated < *signal)) decides = signal;
  if (decides == nullptr) decides = taken_back_by;
  return decides == nullptr ? std::nullopt : std::optional(*decides);
}

}  // namespace millrace::crm
