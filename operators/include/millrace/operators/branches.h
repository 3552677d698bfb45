#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/operators/detail/functions.h"
#include "millrace/operators/detail/refused.h"
#include "millrace/operators/detail/topology_draft.h"

namespace millrace {

template <class K, class V>
class Stream;

namespace operators {

using NamedStreams = std::vector<std::pair<std::string, StreamCore>>;

/// One stream per name: of the records for which the predicate of that number is the first that is
/// true. A name more than predicates: of the others.
NamedStreams split(const StreamCore& stream, std::string name, std::vector<Predicate> predicates,
                   const std::vector<std::string>& names);

/// REQUIRES: there are branches. An unknown name is a fault of the topology.
const StreamCore& branch_named(const NamedStreams& branches, std::string_view name);

}  // namespace operators

/// The streams that `Stream::split` made.
template <class K, class V>
class Branches {
 public:
  explicit Branches(operators::NamedStreams streams) : streams_(std::move(streams)) {}

  /// An unknown name is a fault that `TopologyBuilder::build` reports.
  Stream<K, V> operator[](std::string_view name) const {
    return Stream<K, V>(operators::branch_named(streams_, name));
  }

 private:
  operators::NamedStreams streams_;
};

/// The branches of a stream, one after the other. See `Stream::split`.
template <class K, class V>
class Split {
 public:
  Split(operators::StreamCore core, std::string name)
      : core_(std::move(core)), name_(std::move(name)) {}

  /// The records for which `predicate` is true and no earlier one was. A predicate is not true of a
  /// null that it does not take.
  template <class F>
  auto branch(std::string name, F predicate) const {
    if constexpr (operators::is_predicate<K, V, F>()) {
      Split more = *this;
      more.names_.push_back(std::move(name));
      more.predicates_.push_back(operators::make_predicate<K, V>(std::move(predicate)));
      return more;
    } else {
      return operators::Refused::Split();
    }
  }
  /// Ends the split with a branch of all other records.
  Branches<K, V> default_branch(std::string name) const {
    std::vector<std::string> names = names_;
    names.push_back(std::move(name));
    return Branches<K, V>(operators::split(core_, name_, predicates_, names));
  }
  /// Ends the split; other records are dropped and counted "no_branch". REQUIRES: a branch.
  Branches<K, V> no_default_branch() const {
    return Branches<K, V>(operators::split(core_, name_, predicates_, names_));
  }

 private:
  operators::StreamCore core_;
  std::string name_;
  std::vector<std::string> names_;
  std::vector<operators::Predicate> predicates_;
};

}  // namespace millrace
