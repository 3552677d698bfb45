// Preloaded into an instance: what the harness writes into a small shared file makes the machine
// fail under it. The file's layout is `Control`; kinds/machine.py writes it.
//
// Steps the clock that C++ reads (not that of waits in the C library, which the kernel keeps),
// makes reads, writes or syncs of files below the state directory fail with EIO, or ends the
// process, as SIGKILL would, in the middle of a flush or of an ingest.

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

namespace {

enum Fault : uint32_t { kWrites = 1, kReads = 2, kSyncs = 4 };
enum DeathIn : uint32_t { kNowhere = 0, kFlush = 1, kIngest = 2 };

struct Control {
  std::atomic<int64_t> clock_step_ms;
  std::atomic<uint32_t> faults;    ///< of `Fault`
  std::atomic<uint32_t> death_in;  ///< of `DeathIn`
  std::atomic<int32_t> countdown;  ///< changes of files until then
  std::atomic<uint32_t> hits;      ///< calls that failed
};

constexpr int kKilledExitCode = 137;
constexpr int64_t kMsPerSecond = 1'000;
constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr size_t kThreadNameBytes = 16;
constexpr size_t kPathBytes = 4096;
constexpr size_t kLinkBytes = 32;
constexpr std::string_view kFlushThread = "rocksdb:high";
constexpr std::string_view kAnyRocksDbThread = "rocksdb:";
constexpr std::string_view kIngested = ".restore.sst";

std::atomic<Control*> control{nullptr};
std::string_view state_directory;

__attribute__((constructor)) void load() {
  const char* const file = std::getenv("FAULTS_CONTROL");
  const char* const directory = std::getenv("FAULTS_STATE");
  if (file == nullptr || directory == nullptr) return;
  state_directory = directory;
  const int fd = ::open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) std::abort();
  void* const memory = ::mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) std::abort();
  ::close(fd);
  control = static_cast<Control*>(memory);
}

/// The C library's own.
template <class F>
F* real(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

/// Counts a change of `path` while one thread is in a flush or an ingest, and dies at the last.
void count_down(Control& faults, std::string_view path) {
  static thread_local bool is_in_ingest = false;
  char name[kThreadNameBytes] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  const std::string_view thread(name);
  bool counts = thread.starts_with(kFlushThread);
  if (faults.death_in == kIngest) {
    is_in_ingest |= path.ends_with(kIngested);
    counts = is_in_ingest && !thread.starts_with(kAnyRocksDbThread);
  }
  if (counts && --faults.countdown == 0) ::_exit(kKilledExitCode);
}

/// Whether a call on the file fails; `errno` says how.
bool fails(Fault kind, std::string_view path) {
  Control& faults = *control.load();
  if (!path.starts_with(state_directory)) return false;
  if (kind != kReads && faults.death_in != kNowhere) count_down(faults, path);
  if ((faults.faults & kind) == 0) return false;
  ++faults.hits;
  errno = EIO;
  return true;
}

bool is_armed() {
  const Control* const faults = control;
  return faults != nullptr && (faults->faults != 0 || faults->death_in != kNowhere);
}

bool fails(Fault kind, int fd) {
  if (!is_armed()) return false;
  char link[kLinkBytes];
  char path[kPathBytes];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, path, sizeof path);
  return size > 0 && fails(kind, std::string_view(path, static_cast<size_t>(size)));
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t id, timespec* time) noexcept {
  static const auto next = real<int(clockid_t, timespec*)>("clock_gettime");
  const int result = next(id, time);
  const Control* const faults = control;
  if (result != 0 || id != CLOCK_REALTIME || faults == nullptr) return result;
  const int64_t step_ms = faults->clock_step_ms;
  time->tv_sec += step_ms / kMsPerSecond;
  time->tv_nsec += step_ms % kMsPerSecond * kNsPerMs;
  if (time->tv_nsec < 0) {
    time->tv_nsec += kNsPerSecond;
    --time->tv_sec;
  } else if (time->tv_nsec >= kNsPerSecond) {
    time->tv_nsec -= kNsPerSecond;
    ++time->tv_sec;
  }
  return result;
}

ssize_t write(int fd, const void* data, size_t size) {
  static const auto next = real<ssize_t(int, const void*, size_t)>("write");
  return fails(kWrites, fd) ? -1 : next(fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static const auto next = real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return fails(kWrites, fd) ? -1 : next(fd, data, size, offset);
}

ssize_t pread(int fd, void* data, size_t size, off_t offset) {
  static const auto next = real<ssize_t(int, void*, size_t, off_t)>("pread");
  return fails(kReads, fd) ? -1 : next(fd, data, size, offset);
}

int fsync(int fd) {
  static const auto next = real<int(int)>("fsync");
  return fails(kSyncs, fd) ? -1 : next(fd);
}

int fdatasync(int fd) {
  static const auto next = real<int(int)>("fdatasync");
  return fails(kSyncs, fd) ? -1 : next(fd);
}

int link(const char* from, const char* to) noexcept {
  static const auto next = real<int(const char*, const char*)>("link");
  return is_armed() && fails(kWrites, std::string_view(from)) ? -1 : next(from, to);
}

int rename(const char* from, const char* to) noexcept {
  static const auto next = real<int(const char*, const char*)>("rename");
  return is_armed() && fails(kWrites, std::string_view(from)) ? -1 : next(from, to);
}

}  // extern "C"
