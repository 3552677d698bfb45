#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "millrace/core/clock.h"
#include "millrace/engine/metrics.h"

#include "engine/clients/clients.h"
#include "engine/metrics/hidden_records.h"

namespace millrace::engine {

/// Work beside the loop that blocks on the broker, on a thread and an `Admin` of its own: deletes
/// processed records from exchange topics, and measures the lag of inputs. It warns of inputs that
/// an open transaction holds up for long. All are best effort; it logs the first of failing rounds,
/// and tries again with newer positions. Its end waits for the
/// question that is under way, and for no further one.
class Housekeeper {
 public:
  /// Rounds are `interval` apart. All must outlive this.
  Housekeeper(ClientFactory& clients, Metrics& metrics, const Clock& clock,
              std::chrono::milliseconds interval, std::string bootstrap_servers);
  /// Waits for the question that is under way: it may be one to a broker that is away.
  ~Housekeeper();
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

  /// Begins no further question, and waits for none.
  void stop();
  /// Takes committed positions of exchange topics: records before them may go.
  void purge_before(std::span<const PartitionOffset> positions);
  /// Takes the positions of all inputs of this instance, for the lag.
  void set_positions(std::vector<InputPosition> positions);

 private:
  void run();
  void do_round(Admin& admin, std::map<TopicPartition, int64_t> purge,
                const std::vector<InputPosition>& positions);
  void tell_of_hidden(const PartitionLag& lag);

  ClientFactory& clients_;
  Metrics& metrics_;
  const Clock& clock_;
  std::chrono::milliseconds interval_;
  const std::string bootstrap_servers_;  ///< for what it tells
  std::mutex mutex_;
  std::condition_variable stopping_;
  std::atomic<bool> is_stopping_ = false;
  std::map<TopicPartition, int64_t> purge_;
  std::vector<InputPosition> positions_;
  HiddenRecords hidden_;  ///< housekeeper's thread only
  bool failed_ = false;   ///< the latest round; housekeeper's thread only
  std::thread thread_;    ///< last: it uses the rest
};

}  // namespace millrace::engine
