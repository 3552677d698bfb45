#include "engine/loop/housekeeper.h"

#include <memory>
#include <utility>

#include <spdlog/spdlog.h>

namespace millrace::engine {

Housekeeper::Housekeeper(ClientFactory& clients, Metrics& metrics, const Clock& clock,
                         std::chrono::milliseconds interval, std::string bootstrap_servers)
    : clients_(clients),
      metrics_(metrics),
      clock_(clock),
      interval_(interval),
      bootstrap_servers_(std::move(bootstrap_servers)),
      thread_([this] { run(); }) {}

Housekeeper::~Housekeeper() {
  stop();
  thread_.join();
}

void Housekeeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stopping_.notify_all();
}

void Housekeeper::purge_before(std::span<const PartitionOffset> positions) {
  const std::lock_guard lock(mutex_);
  for (const PartitionOffset& position : positions) {
    purge_[position.partition] = position.offset;
  }
}

void Housekeeper::set_positions(std::vector<InputPosition> positions) {
  const std::lock_guard lock(mutex_);
  positions_ = std::move(positions);
}

void Housekeeper::run() {
  std::unique_ptr<Admin> admin;
  std::unique_lock lock(mutex_);
  while (!stopping_.wait_for(lock, interval_, [this] { return is_stopping_.load(); })) {
    std::map<TopicPartition, int64_t> purge = std::exchange(purge_, {});
    const std::vector<InputPosition> positions = positions_;
    lock.unlock();
    if (admin == nullptr) {
      if (Result<std::unique_ptr<Admin>> made = clients_.admin(); made.ok()) {
        admin = std::move(*made);
      }
    }
    if (admin != nullptr) do_round(*admin, std::move(purge), positions);
    lock.lock();
  }
}

void Housekeeper::do_round(Admin& admin, std::map<TopicPartition, int64_t> purge,
                           const std::vector<InputPosition>& positions) {
  Status status;
  if (!purge.empty()) {
    std::vector<PartitionOffset> before;
    before.reserve(purge.size());
    for (const auto& [partition, offset] : purge) before.push_back({partition, offset});
    status = admin.delete_records(before);
  }
  std::vector<PartitionLag> lags;
  for (const InputPosition& position : positions) {
    if (is_stopping_) return;  // each question may take as long as brokers that are away
    const Result<Admin::Watermarks> marks = admin.watermarks(position.partition);
    if (!marks.ok()) {
      status = marks.status();
      break;
    }
    lags.push_back(hidden_.see(position, marks->high, clock_.now_ms()));
    tell_of_hidden(lags.back());
  }
  if (status.ok()) metrics_.set_lags(lags);
  if (!status.ok() && !failed_) spdlog::warn("housekeeping waits: {}", status.message());
  failed_ = !status.ok();
}

void Housekeeper::tell_of_hidden(const PartitionLag& lag) {
  if (!hidden_.is_long_news(lag, clock_.now_ms())) return;
  spdlog::warn(
      "input {} waits at offset {} for the end of another producer's open transaction, which hides "
      "{} records. Its producer: {}",
      lag.partition.to_string(), lag.hidden->last_stable_offset, lag.records,
      producers_command(bootstrap_servers_, lag.partition));
}

}  // namespace millrace::engine
