#include "disk.h"

#include <array>
#include <mutex>
#include <optional>
#include <utility>

#include "state/open_task_state.h"
#include "tests/support/stepped_env.h"

namespace millrace::simulation {
namespace {

using Fault = Disk::Fault;

constexpr std::array kFaults{Fault::kWrite, Fault::kSync, Fault::kFull, Fault::kRead,
                             Fault::kGarbled};

bool can_hit(Fault fault, FileStep step) {
  switch (fault) {
    case Fault::kWrite:
      return step == FileStep::kAppend || step == FileStep::kName;
    case Fault::kSync:
      return step == FileStep::kSync;
    case Fault::kFull:
      return step == FileStep::kAppend;
    default:
      return step == FileStep::kRead;
  }
}

}  // namespace

struct Disk::Impl {
  struct State {
    std::optional<int> steps_before;  ///< empty: the fault is not there
    bool has_hit = false;
  };

  Impl() {
    system->on_step = [this](FileStep step) { return outcome_of(step); };
    system->on_bytes = [this](char* bytes, size_t size) {
      const std::lock_guard lock(mutex);
      if (size > 0 && hits(Fault::kGarbled)) bytes[size / 2] ^= 0x20;
    };
  }

  rocksdb::IOStatus outcome_of(FileStep step) {
    const std::lock_guard lock(mutex);
    if (is_cut_off && step != FileStep::kRead) return rocksdb::IOStatus::IOError("cut off");
    for (const Fault fault : kFaults) {
      if (fault == Fault::kGarbled || !can_hit(fault, step) || !hits(fault)) continue;
      return fault == Fault::kFull ? rocksdb::IOStatus::NoSpace("no space left on device")
                                   : rocksdb::IOStatus::IOError("input/output error");
    }
    return rocksdb::IOStatus::OK();
  }
  /// Whether the fault is there and hits a step that it can hit.
  bool hits(Fault fault) {
    State& state = states[static_cast<size_t>(fault)];
    if (!state.steps_before) return false;
    if (*state.steps_before > 0) {
      --*state.steps_before;
      return false;
    }
    if (!state.has_hit) news.push_back(fault);
    state.has_hit = true;
    was_hit = true;
    return true;
  }

  mutable std::mutex mutex;
  std::array<State, kFaults.size()> states;
  std::vector<Fault> news;
  bool was_hit = false;
  bool is_cut_off = false;
  std::shared_ptr<FaultyFileSystem> system = std::make_shared<FaultyFileSystem>();
  SteppedEnv env{system};
};

Disk::Disk() : impl_(std::make_unique<Impl>()) {}
Disk::~Disk() = default;

Result<std::unique_ptr<TaskState>> Disk::open_state(const TaskStateOptions& options,
                                                    std::span<const StoreSpec> stores) {
  return open_task_state(options, stores, &impl_->env);
}

void Disk::begin(Fault fault, int steps_before) {
  const std::lock_guard lock(impl_->mutex);
  impl_->states[static_cast<size_t>(fault)] = {.steps_before = steps_before, .has_hit = false};
}

void Disk::end(Fault fault) {
  const std::lock_guard lock(impl_->mutex);
  impl_->states[static_cast<size_t>(fault)].steps_before.reset();
}

void Disk::heal() {
  for (const Fault fault : kFaults) end(fault);
}

void Disk::cut_off() {
  const std::lock_guard lock(impl_->mutex);
  impl_->is_cut_off = true;
}

void Disk::revive() {
  const std::lock_guard lock(impl_->mutex);
  impl_->is_cut_off = false;
  impl_->was_hit = false;
}

void Disk::finish_flushes() {
  impl_->env.finish_flushes();
}

void Disk::finish_all() {
  impl_->env.finish_all();
}

std::vector<Disk::Fault> Disk::take_hits() {
  const std::lock_guard lock(impl_->mutex);
  return std::exchange(impl_->news, {});
}

bool Disk::was_hit() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->was_hit;
}

}  // namespace millrace::simulation
