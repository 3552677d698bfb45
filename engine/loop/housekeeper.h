#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "millrace/engine/metrics.h"

#include "engine/clients/clients.h"

namespace millrace::engine {

/// Work beside the loop that blocks on the broker, on a thread and an `Admin` of its own: deletes
/// what was processed from exchange topics, and measures the lag of inputs. Both are best effort;
/// a round that fails is logged once and tried again with newer positions.
class Housekeeper {
 public:
  /// Rounds are `interval` apart. `clients` and `metrics` must outlive this.
  Housekeeper(ClientFactory& clients, Metrics& metrics, std::chrono::milliseconds interval);
  ~Housekeeper();
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

  /// Committed positions of exchange topics: what is before them may go.
  void purge_before(std::span<const PartitionOffset> positions);
  /// Positions of all inputs of this instance, for the lag.
  void set_positions(std::vector<PartitionOffset> positions);

 private:
  void run();
  void do_round(Admin& admin, std::map<TopicPartition, int64_t> purge,
                const std::vector<PartitionOffset>& positions);

  ClientFactory& clients_;
  Metrics& metrics_;
  std::chrono::milliseconds interval_;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;
  std::map<TopicPartition, int64_t> purge_;
  std::vector<PartitionOffset> positions_;
  bool failed_ = false;  ///< the latest round; housekeeper's thread only
  std::thread thread_;   ///< last: it uses the rest
};

}  // namespace millrace::engine
