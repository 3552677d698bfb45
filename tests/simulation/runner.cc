#include "runner.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace millrace::simulation {
namespace {

/// Of one world; any takes a hundredth of it.
constexpr rlim_t kProcessorSecondsMax = 30;
/// Of one world, on a machine that does much else: one that waits for itself ends then.
constexpr unsigned kSecondsMax = 600;

std::string encode(const Outcome& outcome) {
  std::string text = fmt::format("{} {} {} {}\n", outcome.faults, outcome.records, outcome.turns,
                                 outcome.coverage.size());
  for (const int64_t times : outcome.orders) text += fmt::format("{} ", times);
  for (const auto& [what, times] : outcome.coverage) {
    text += fmt::format("{} {} {}\n", static_cast<int>(what.first), static_cast<int>(what.second),
                        times);
  }
  if (outcome.failure) text += "failure " + *outcome.failure;
  return text;
}

Outcome decode(const std::string& text) {
  Outcome outcome;
  std::istringstream in(text);
  size_t lines = 0;
  in >> outcome.faults >> outcome.records >> outcome.turns >> lines;
  for (int64_t& times : outcome.orders) in >> times;
  for (size_t i = 0; i < lines; ++i) {
    int kind = 0;
    int phase = 0;
    int64_t times = 0;
    in >> kind >> phase >> times;
    outcome.coverage[{static_cast<Kind>(kind), static_cast<Phase>(phase)}] = times;
  }
  std::string word;
  if (in >> word && word == "failure") {
    std::getline(in >> std::ws, outcome.failure.emplace(), '\0');
  }
  return outcome;
}

/// A world's process, and the end of the pipe that its outcome comes through.
class Process {
 public:
  explicit Process(WorldScript script) : script_(std::move(script)) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) give_up("pipe");
    std::fflush(nullptr);
    process_ = ::fork();
    if (process_ < 0) give_up("fork");
    if (process_ == 0) {
      ::close(ends[0]);
      live(ends[1]);
    }
    ::close(ends[1]);
    out_ = ends[0];
  }
  ~Process() {
    if (out_ >= 0) ::close(out_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  int descriptor() const { return out_; }
  const WorldScript& script() const { return script_; }
  /// Takes what has come; whether it was the last.
  bool read() {
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(out_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) return false;
    if (count > 0) text_.append(buffer.data(), static_cast<size_t>(count));
    return count <= 0;
  }
  /// REQUIRES: the last has come.
  Outcome outcome() {
    int status = 0;
    while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    Outcome outcome = decode(text_);
    if (WIFSIGNALED(status) && !outcome.failure) {
      outcome.failure =
          fmt::format("the process ended by a signal: {}", ::strsignal(WTERMSIG(status)));
    }
    return outcome;
  }

 private:
  [[noreturn]] static void give_up(const char* what) {
    std::perror(what);
    std::_Exit(2);
  }
  [[noreturn]] void live(int out) const {
    const rlimit limit{kProcessorSecondsMax, kProcessorSecondsMax};
    ::setrlimit(RLIMIT_CPU, &limit);
    ::alarm(kSecondsMax);
    const std::string text = encode(World(script_).run());
    size_t written = 0;
    while (written < text.size()) {
      const ssize_t count = ::write(out, text.data() + written, text.size() - written);
      if (count <= 0) break;
      written += static_cast<size_t>(count);
    }
    std::_Exit(0);
  }

  WorldScript script_;
  pid_t process_ = -1;
  int out_ = -1;
  std::string text_;
};

}  // namespace

Outcome run_apart(const WorldScript& script) {
  Process process(script);
  while (!process.read()) {
  }
  return process.outcome();
}

void run_all(size_t workers, const std::function<bool(WorldScript&)>& next,
             const std::function<void(const WorldScript&, const Outcome&)>& done) {
  std::vector<std::unique_ptr<Process>> running;
  bool has_more = true;
  for (;;) {
    while (has_more && running.size() < workers) {
      WorldScript script;
      has_more = next(script);
      if (has_more) running.push_back(std::make_unique<Process>(std::move(script)));
    }
    if (running.empty()) return;
    std::vector<pollfd> waits;
    for (const auto& process : running) waits.push_back({process->descriptor(), POLLIN, 0});
    if (::poll(waits.data(), waits.size(), -1) < 0) continue;
    for (size_t i = waits.size(); i-- > 0;) {
      if (waits[i].revents == 0 || !running[i]->read()) continue;
      done(running[i]->script(), running[i]->outcome());
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

std::vector<size_t> shrink(const WorldScript& script) {
  std::vector<size_t> kept(script.strikes.size());
  for (size_t i = 0; i < kept.size(); ++i) kept[i] = i;
  for (size_t chunk = std::max<size_t>(1, kept.size() / 2);;) {
    bool has_shrunk = false;
    for (size_t first = 0; first < kept.size();) {
      std::vector<size_t> fewer = kept;
      const size_t last = std::min(first + chunk, fewer.size());
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(first),
                  fewer.begin() + static_cast<std::ptrdiff_t>(last));
      if (run_apart(reduced(script, fewer)).failure) {
        kept = std::move(fewer);
        has_shrunk = true;
      } else {
        first += chunk;
      }
    }
    if (chunk == 1 && !has_shrunk) return kept;
    if (!has_shrunk) chunk = std::max<size_t>(1, chunk / 2);
  }
}

}  // namespace millrace::simulation
