#include "millrace/testing/topology_driver.h"

#include <cstdio>
#include <cstdlib>
#include <set>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "millrace/core/partitioner.h"
#include "millrace/state/timer_queue.h"

#include "engine/testing/driver_broker.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"

namespace millrace::testing {
namespace {

/// More turns than any sane test needs: a topology that feeds itself for ever is an error.
constexpr int kTurnsMax = 1'000'000;

void require(const Status& status, std::string_view doing) {
  if (status.ok()) return;
  std::fprintf(stderr, "TopologyDriver: %.*s: %s\n", static_cast<int>(doing.size()), doing.data(),
               status.message().c_str());
  std::abort();
}

/// To stderr, because stdout is the test's.
void set_up_logging(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>(
      "millrace", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

DriverRecord to_driver_record(int32_t partition, StoredRecord&& stored) {
  DriverRecord record{
      partition, stored.offset, stored.timestamp_ms, std::move(stored.key), std::move(stored.value),
      {}};
  for (auto& [name, value] : stored.headers) record.headers[name] = std::move(value);
  return record;
}

}  // namespace

struct TopologyDriver::Impl {
  explicit Impl(DriverOptions driver_options)
      : options(std::move(driver_options)), clock(options.start_time_ms) {
    broker.set_clock(clock);
  }

  Status create_engine() {
    EngineHooks hooks;
    hooks.on_commit_step = [this](CommitStep step) { return reached(step); };
    Result<std::unique_ptr<Engine>> made =
        Engine::create(*topology, options.engine, *clients, clock, std::move(hooks));
    if (!made.ok()) return made.status();
    engine = std::move(*made);
    return {};
  }

  Status reached(CommitStep step) {
    if (!crash_step || *crash_step != step || --crash_countdown > 0) return {};
    crash_step.reset();
    return Error{ErrorCode::kInternal, fmt::format("crash at step {}", to_string(step))};
  }

  void create_topics() {
    std::set<std::string> names;
    for (const Node& node : topology->nodes()) {
      if (node.kind == NodeKind::kSource || node.kind == NodeKind::kSink) {
        names.insert(node.topic.name);
      }
    }
    for (const TopicUse& broadcast : topology->broadcasts()) names.insert(broadcast.name);
    for (const std::string& name : names) {
      const auto count = options.topic_partitions.find(name);
      broker.create_topic(
          name, count == options.topic_partitions.end() ? options.partitions : count->second);
    }
  }

  DriverOptions options;
  ManualClock clock;
  MemoryBroker broker;
  std::unique_ptr<engine::ClientFactory> clients = broker.clients();
  std::optional<Topology> topology;
  std::unique_ptr<Engine> engine;
  std::map<TopicPartition, int64_t> read_positions;
  std::optional<CommitStep> crash_step;
  int crash_countdown = 0;
  bool delete_state = false;
};

TopologyDriver::TopologyDriver(Result<Topology> topology, DriverOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {
  require(topology.status(), "the topology is not valid");
  impl_->topology = std::move(*topology);
  EngineOptions& engine = impl_->options.engine;
  if (engine.application_id.empty()) engine.application_id = "test";
  engine.state_dir = impl_->options.state_dir;
  engine.worker_threads = 1;
  engine.poll_wait_ms = 0;
  engine.commit_pipelined = false;
  // The clock stands still while the engine tries again; and a start without local state has to
  // fence what the one before left open.
  engine.retry_backoff_max_ms = 0;
  if (engine.instance_id.empty()) engine.instance_id = "driver";
  set_up_logging(engine.log_level);
  impl_->create_topics();
  require(impl_->create_engine(), "the engine does not start");
}

TopologyDriver::~TopologyDriver() = default;

void TopologyDriver::pipe_bytes(std::string_view topic, const std::optional<std::string>& key,
                                Bytes value, int64_t timestamp_ms, std::optional<int32_t> partition,
                                const DriverHeaders& headers) {
  const std::string name(topic);
  const int32_t partitions = impl_->broker.partitions(name);
  MILLRACE_ASSERT(partitions > 0, "pipe to a topic that the topology does not use");
  StoredRecord record{.timestamp_ms = timestamp_ms, .key = key, .value = {}, .headers = {}};
  if (!value.is_null()) record.value = value.to_string();
  for (const auto& [header, text] : headers) record.headers.emplace_back(header, text);
  if (!partition) partition = key ? partition_of(Bytes(*key), partitions) : 0;
  impl_->broker.append({name, *partition}, std::move(record));
}

Status TopologyDriver::run_once() {
  return impl_->engine->run_once();
}

Status TopologyDriver::try_run() {
  for (int turn = 0; turn < kTurnsMax; ++turn) {
    MILLRACE_RETURN_IF_ERROR(impl_->engine->run_once());
    if (impl_->engine->state() != EngineState::kRunning || !impl_->engine->is_idle()) continue;
    if (!impl_->engine->has_uncommitted()) return {};
    // Records that a commit makes visible (exchange topics, intermediate topics) are new input.
    MILLRACE_RETURN_IF_ERROR(impl_->engine->commit());
  }
  return Error{ErrorCode::kInternal, "the topology does not come to rest"};
}

void TopologyDriver::run() {
  require(try_run(), "the engine failed");
}

std::vector<DriverRecord> TopologyDriver::read_bytes(std::string_view topic) {
  std::vector<DriverRecord> found;
  const std::string name(topic);
  const int32_t partitions = impl_->broker.partitions(name);
  for (int32_t p = 0; p < partitions; ++p) {
    int64_t& position = impl_->read_positions[{name, p}];
    for (StoredRecord& stored : impl_->broker.read_committed({name, p}, position)) {
      position = stored.offset + 1;
      found.push_back(to_driver_record(p, std::move(stored)));
    }
  }
  return found;
}

std::map<std::string, std::string> TopologyDriver::table_bytes(std::string_view topic) const {
  std::map<std::string, std::string> table;
  const std::string name(topic);
  const int32_t partitions = impl_->broker.partitions(name);
  for (int32_t p = 0; p < partitions; ++p) {
    for (StoredRecord& stored : impl_->broker.read_committed({name, p})) {
      MILLRACE_ASSERT(stored.key.has_value(), "a table's records have keys");
      if (stored.value) {
        table[*stored.key] = std::move(*stored.value);
      } else {
        table.erase(*stored.key);
      }
    }
  }
  return table;
}

std::optional<std::string> TopologyDriver::store_bytes(std::string_view store, Bytes key,
                                                       Bytes partition_key) {
  Result<StoreAnswer> answer = impl_->engine->queries().get(store, key, partition_key);
  require(answer.status(), "the store cannot be read");
  if (!answer->row) return std::nullopt;
  return std::move(answer->row->value);
}

void TopologyDriver::check_store(std::string_view store, const TypeInfo& key,
                                 const TypeInfo& value) const {
  const StoreSpec* const spec = impl_->topology->find_store(store);
  if (spec != nullptr && spec->key == key && spec->value == value) return;
  const std::string there =
      spec == nullptr ? "does not exist"
                      : fmt::format("has rows {} -> {}", spec->key.name, spec->value.name);
  require(Error{ErrorCode::kInvalidArgument, fmt::format("store '{}' {}, asked for {} -> {}", store,
                                                         there, key.name, value.name)},
          "the store cannot be read");
}

std::vector<std::pair<std::string, std::string>> TopologyDriver::indexed_bytes(
    std::string_view store, std::string_view index, Bytes value) {
  const std::optional<std::string> end = prefix_end(value);
  std::vector<std::pair<std::string, std::string>> rows;
  const Result<std::vector<StatePosition>> scanned = impl_->engine->queries().scan(
      index_store_name(store, index), {.from = value, .to = end ? Bytes(*end) : Bytes()},
      [&](TaskId, Bytes key, const Row& row) {
        rows.emplace_back(key.view().substr(value.size()), row.value.view());
        return true;
      });
  require(scanned.status(), "the index cannot be read");
  return rows;
}

std::vector<std::pair<std::string, std::string>> TopologyDriver::all_store_bytes(
    std::string_view store) {
  std::vector<std::pair<std::string, std::string>> rows;
  const auto scanned =
      impl_->engine->queries().scan(store, {}, [&](TaskId, Bytes key, const Row& row) {
        rows.emplace_back(key.to_string(), row.value.to_string());
        return true;
      });
  require(scanned.status(), "the store cannot be read");
  return rows;
}

std::optional<int64_t> TopologyDriver::timer_ms(std::string_view timers, Bytes key, uint8_t kind,
                                                Bytes partition_key) {
  const std::string row = TimerQueue::index_key(key, kind);
  const std::optional<std::string> time =
      store_bytes(timers, Bytes(row), partition_key.is_null() ? key : partition_key);
  if (!time) return std::nullopt;
  return Serde<int64_t>::view(Bytes(*time));
}

int64_t TopologyDriver::now_ms() const {
  return impl_->clock.now_ms();
}
void TopologyDriver::advance_time(int64_t milliseconds) {
  impl_->clock.advance(milliseconds);
}

void TopologyDriver::restart() {
  require(impl_->engine->close(), "the engine does not close");
  crash_and_restart();
}

void TopologyDriver::crash_and_restart() {
  impl_->engine.reset();
  if (std::exchange(impl_->delete_state, false)) {
    std::filesystem::remove_all(impl_->options.state_dir);
  }
  require(impl_->create_engine(), "the engine does not start again");
}

void TopologyDriver::crash_at(CommitStep step, int nth) {
  impl_->crash_step = step;
  impl_->crash_countdown = nth;
}

void TopologyDriver::delete_state() {
  impl_->delete_state = true;
}

Engine& TopologyDriver::engine() {
  return *impl_->engine;
}
MemoryBroker& DriverInternals::broker(TopologyDriver& driver) {
  return driver.impl_->broker;
}

}  // namespace millrace::testing
