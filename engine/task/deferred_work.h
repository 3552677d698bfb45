#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "millrace/core/bytes.h"
#include "millrace/core/ids.h"

namespace millrace::engine {

/// A task's time, and the record that it is at.
struct Moment {
  int64_t stream_time_ms = -1;
  int64_t stream_clock_ms = -1;  ///< of timers
  int64_t wall_clock_ms = -1;    ///< of timers
  RecordPosition position;
};

/// The calls of `Processor::on_deferred` that a task owes, by node and key. Task's thread only.
///
/// In memory only: a commit that has records holds their deferred work, too (`Task::freeze`).
class DeferredWork {
 public:
  struct Call {
    uint32_t node = 0;
    std::string key;
    int64_t timestamp_ms = 0;
    Moment asked_at;          ///< first
    RecordPosition asked_by;  ///< first record; none: timers or broadcast changes asked
  };

  bool empty() const { return bytes_ == 0; }
  /// Memory of the calls, about.
  size_t bytes() const { return bytes_; }
  /// About what the results of the calls will have, by what earlier calls of the same nodes added.
  size_t owed_bytes() const;
  /// `added_bytes`: of the results of a call of `node`.
  void measure(uint32_t node, size_t added_bytes);

  /// Asks for a call. Of several requests for one the first moment and the largest timestamp count.
  /// `by`: the record that it goes back to, if there is one.
  void add(uint32_t node, Bytes key, int64_t timestamp_ms, const Moment& now,
           const RecordPosition& by);
  /// Takes the call for `key`; none: nobody asked for it.
  std::optional<Call> take(uint32_t node, Bytes key);
  /// Takes the call for the first key of the first node. REQUIRES: no unit open.
  std::optional<Call> take_first();

  void begin_unit() { undo_.clear(); }
  /// Takes back what was asked for and taken since `begin_unit`.
  void undo_unit();
  void clear();

 private:
  struct Asked {
    int64_t timestamp_ms = 0;
    Moment at;
    RecordPosition by;
  };
  struct Undo {
    uint32_t node;
    std::string key;
    std::optional<Asked> before;
  };
  using Keys = std::map<std::string, Asked, std::less<>>;
  struct Node {
    Keys keys;
    double bytes_per_call = 0;  ///< of results, on average
    uint64_t measured_calls = 0;
  };

  static size_t bytes_of(const std::string& key);
  void count(const std::string& key);
  void uncount(const std::string& key);
  void set(uint32_t node, const std::string& key, const std::optional<Asked>& asked);

  std::vector<Node> nodes_;
  size_t bytes_ = 0;
  std::vector<Undo> undo_;  ///< of the open unit
};

}  // namespace millrace::engine
