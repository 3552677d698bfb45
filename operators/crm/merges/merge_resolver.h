#pragma once

#include <string>

#include "millrace/core/processor.h"

#include "crm/merges/merge_forest.h"

namespace millrace::crm {

/// Children of the merge resolver and of the merge eraser, in the order in which they must be
/// declared.
enum MergeResolverChild : size_t {
  kRedirectsChild = 0,
  kConflictsChild = 1,
  kMergeReportsChild = 2  ///< of the eraser only
};

/// Takes merge facts (value MergeFact, any key) and keeps the forest of merges in `forest_store`.
///
/// Forwards to the first child a Redirect, keyed by id, for every id whose redirect changed or that
/// a fact names for the first time; to the second a Conflict, keyed by its first id. All facts must
/// come to one task. Output has the fact's timestamp. A duplicate or outdated fact changes nothing,
/// in any order. A null value is dropped and counted; an invalid fact throws.
ProcessorFactory merge_resolver(std::string forest_store, UnmergedChildren children);

/// Takes Erasures keyed by id and forgets the id in `forest_store` (`MergeForest::erase`). Forwards
/// redirects and conflicts like the resolver, and a null redirect for the id if it had one. To the
/// third child it forwards an ErasureReport, which counts redirects under `redirects_topic`.
ProcessorFactory merge_eraser(std::string forest_store, std::string redirects_topic,
                              UnmergedChildren children);

}  // namespace millrace::crm
