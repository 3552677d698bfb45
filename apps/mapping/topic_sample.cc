#include "apps/mapping/topic_sample.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace millrace::apps {
namespace {

using SampleClock = std::chrono::steady_clock;

constexpr int64_t kSampleWaitMs = 50;
constexpr std::chrono::milliseconds kAskAgainPause{200};
/// How much further back to look for the newest records where the last offsets hold none: markers
/// of transactions and records that were compacted away have offsets, too.
constexpr int64_t kWiden = 16;

/// Offsets of one partition to read, up to `left` records.
struct OffsetRange {
  TopicPartition partition;
  int64_t position = 0;
  int64_t end = 0;
  int64_t left = 0;
  int64_t visited = 0;

  bool done() const { return position >= end || left == 0; }
};

struct Marks {
  TopicPartition partition;
  int64_t low = 0;
  int64_t high = 0;
};

class Sampler {
 public:
  Sampler(engine::ClientFactory& clients, const SampleOptions& options, std::stop_token stop,
          const SampleVisitor& visit)
      : clients_(clients),
        options_(options),
        stop_(std::move(stop)),
        visit_(visit),
        deadline_(SampleClock::now() + std::chrono::milliseconds(options.timeout_ms)) {}

  Result<SampleOutcome> run(const std::string& topic) {
    MILLRACE_RETURN_IF_ERROR(find_marks(topic));
    outcome_.partitions = static_cast<int32_t>(marks_.size());
    for (const Marks& marks : marks_) outcome_.offsets += marks.high - marks.low;
    auto fetcher = clients_.fetcher("sample", engine::RecordHeaders::kSkip);
    if (!fetcher.ok()) return fetcher.status();
    fetcher_ = *std::move(fetcher);
    fetcher_->set_catching_up(true);
    const int64_t share =
        std::max<int64_t>(1, options_.records_max / (2 * std::max(1, outcome_.partitions)));
    MILLRACE_RETURN_IF_ERROR(read_ends(std::min(options_.records, share)));
    return outcome_;
  }

 private:
  bool is_over() {
    outcome_.is_cut |= stop_.stop_requested() || SampleClock::now() >= deadline_;
    return outcome_.is_cut;
  }

  /// Asks until a broker answers.
  Status find_marks(const std::string& topic) {
    for (;;) {
      Status status = ask_marks(topic);
      if (status.ok() || status.code() != ErrorCode::kRetriable || is_over()) return status;
      std::this_thread::sleep_for(kAskAgainPause);
    }
  }

  Status ask_marks(const std::string& topic) {
    marks_.clear();
    const auto admin = clients_.admin();
    if (!admin.ok()) return admin.status();
    const auto description = (*admin)->describe_topic(topic);
    if (!description.ok()) return description.status();
    for (int32_t i = 0; i < description->partitions; ++i) {
      const TopicPartition partition{topic, i};
      const auto marks = (*admin)->watermarks(partition);
      if (!marks.ok()) return marks.status();
      marks_.push_back({partition, marks->low, marks->high});
    }
    return {};
  }

  Status read_ends(int64_t records) {
    std::vector<OffsetRange> oldest;
    for (const Marks& marks : marks_) {
      oldest.push_back({marks.partition, marks.low, marks.high, records});
    }
    MILLRACE_RETURN_IF_ERROR(read(oldest));
    std::vector<OffsetRange> newest;
    for (size_t i = 0; i < marks_.size(); ++i) {
      const int64_t high = marks_[i].high;
      const int64_t from = std::max(oldest[i].position, high - records);
      newest.push_back({marks_[i].partition, from, high, records});
    }
    MILLRACE_RETURN_IF_ERROR(read(newest));
    std::vector<OffsetRange> before;
    for (size_t i = 0; i < marks_.size(); ++i) {
      const int64_t high = marks_[i].high;
      const int64_t end = std::max(oldest[i].position, high - records);
      const int64_t from = std::max(oldest[i].position, high - kWiden * records);
      const bool is_empty = newest[i].visited == 0;
      before.push_back({marks_[i].partition, from, is_empty ? end : from, records});
    }
    return read(before);
  }

  Status read(std::vector<OffsetRange>& ranges) {
    std::vector<engine::PartitionOffset> starts;
    std::vector<TopicPartition> partitions;
    for (const OffsetRange& range : ranges) {
      if (range.done()) continue;
      starts.push_back({range.partition, range.position});
      partitions.push_back(range.partition);
    }
    if (starts.empty() || is_over()) return {};
    MILLRACE_RETURN_IF_ERROR(fetcher_->add(starts));
    while (!std::ranges::all_of(ranges, &OffsetRange::done) && !is_over()) {
      bool has_progressed = false;
      for (OffsetRange& range : ranges) {
        if (range.done()) continue;
        const Result<bool> progressed = read_some(range);
        if (!progressed.ok()) return progressed.status();
        has_progressed |= *progressed;
      }
      if (!has_progressed) fetcher_->wait(kSampleWaitMs);
    }
    return fetcher_->remove(partitions);
  }

  Result<bool> read_some(OffsetRange& range) {
    const int64_t before = range.position;
    engine::RecordBatch batch;
    const auto polled = fetcher_->poll(range.partition, static_cast<size_t>(range.left), batch);
    if (!polled.ok() && polled.code() == ErrorCode::kRetriable) return false;
    if (!polled.ok() && polled.code() == ErrorCode::kNotFound) {
      range.position = range.end;  // retention took the records while they were read
      return true;
    }
    if (!polled.ok()) return polled.status();
    for (const engine::FetchedRecord& record : batch.records()) {
      range.position = record.offset + 1;
      if (record.offset >= range.end || range.left == 0) break;
      visit_(range.partition.partition, record);
      --range.left;
      ++range.visited;
      ++outcome_.records;
    }
    // Nothing more is readable now, though a transaction may be open.
    if (polled->end_offset) range.position = std::max(range.position, range.end);
    return range.position != before;
  }

  engine::ClientFactory& clients_;
  const SampleOptions options_;
  const std::stop_token stop_;
  const SampleVisitor& visit_;
  const SampleClock::time_point deadline_;
  std::unique_ptr<engine::Fetcher> fetcher_;
  std::vector<Marks> marks_;
  SampleOutcome outcome_;
};

}  // namespace

Result<SampleOutcome> sample_topic(engine::ClientFactory& clients, const std::string& topic,
                                   const SampleOptions& options, const std::stop_token& stop,
                                   const SampleVisitor& visit) {
  return Sampler(clients, options, stop, visit).run(topic);
}

}  // namespace millrace::apps
