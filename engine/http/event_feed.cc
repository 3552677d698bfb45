#include "engine/http/event_feed.h"

#include <exception>
#include <mutex>
#include <utility>

#include <spdlog/spdlog.h>

#include "engine/http/request_parameters.h"

namespace millrace::engine {
namespace {

/// When all threads for streams are taken, and so many wait.
constexpr std::chrono::milliseconds kBusyPause{100};

}  // namespace

struct EventFeed::Bell {
  std::mutex mutex;
  std::function<void()> ring;

  void operator()() {
    const std::lock_guard lock(mutex);
    if (ring) ring();
  }
  void silence() {
    const std::lock_guard lock(mutex);
    ring = nullptr;
  }
};

std::string event_text(const HttpEvent& event) {
  std::string text = "event: " + event.name + "\n";
  if (!event.id.empty()) text += "id: " + event.id + "\n";
  for (const std::string_view line : split_at(event.data, '\n')) {
    text.append("data: ").append(line).append("\n");
  }
  return text + "\n";
}

EventFeed::EventFeed(EventWire& wire, Waiters& waiters, std::shared_ptr<HttpEventSource> source,
                     Limits limits)
    : wire_(wire),
      waiters_(waiters),
      source_(std::move(source)),
      limits_(limits),
      bell_(std::make_shared<Bell>()),
      last_id_(source_->first_id()) {
  bell_->ring = [post = wire_.poster(), this] { post([this] { look_again(); }); };
}

EventFeed::~EventFeed() {
  bell_->silence();
}

void EventFeed::start() {
  source_->start([bell = bell_] { (*bell)(); });
  send_comment("open");
}

void EventFeed::end() {
  is_ending_ = true;
  if (state_ == State::kIdle || state_ == State::kMaking) send_last("end");
}

void EventFeed::drop() {
  state_ = State::kOver;
  bell_->silence();
  source_.reset();
}

void EventFeed::look_again() {
  is_due_ = true;
  if (state_ == State::kIdle) advance();
}

void EventFeed::advance() {
  if (is_ending_ || !wire_.is_allowed()) return send_last("end");
  if (is_due_) return make();
  if (again_in_.count() > 0) {
    return wire_.call_in(std::exchange(again_in_, {}), [this] { look_again(); });
  }
  wire_.call_in(limits_.keep_alive, [this] {
    if (state_ == State::kIdle) send_comment("");
  });
}

void EventFeed::make() {
  is_due_ = false;
  const bool is_taken = waiters_.run([source = source_, post = wire_.poster(), this] {
    HttpEventSource::Made made;
    try {
      made = source->make();
    } catch (const std::exception& error) {
      spdlog::error("a stream of events failed: {}", error.what());
      made.is_last = true;
    }
    post([this, made = std::move(made)] { take(made); });
  });
  if (is_taken) {
    state_ = State::kMaking;
  } else {
    wire_.call_in(kBusyPause, [this] { look_again(); });
  }
}

void EventFeed::take(const HttpEventSource::Made& made) {
  if (state_ != State::kMaking) return;  // it ended meanwhile
  state_ = State::kIdle;
  again_in_ = made.again_in;
  // The rights with which it was made may be gone.
  if (!wire_.is_allowed()) return send_last("end");
  if (made.event) return send_event(*made.event, made.is_last);
  if (made.is_last) return send_last("end");
  advance();
}

void EventFeed::send_event(const HttpEvent& event, bool is_last) {
  state_ = State::kSending;
  const auto began = std::chrono::steady_clock::now();
  wire_.send(event_text(event), 2 * limits_.event,
             [this, is_last, began, id = event.id](bool is_sent) {
               if (!is_sent || state_ != State::kSending) return drop();
               state_ = State::kIdle;
               if (!id.empty()) last_id_ = id;
               const bool is_slow = std::chrono::steady_clock::now() - began > limits_.event;
               if (is_slow) return send_last("cut");
               if (is_last) return send_last("end");
               advance();
             });
}

void EventFeed::send_comment(const char* text) {
  state_ = State::kSending;
  wire_.send(std::string(":") + text + "\n\n", limits_.event, [this](bool is_sent) {
    if (!is_sent || state_ != State::kSending) return drop();
    state_ = State::kIdle;
    advance();
  });
}

void EventFeed::send_last(const char* name) {
  drop();
  // A browser passes on no event without data.
  wire_.send(event_text({.name = name, .id = last_id_, .data = "{}"}), limits_.event,
             [this](bool is_sent) {
               if (is_sent) wire_.finish();
             });
}

}  // namespace millrace::engine
