#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "millrace/engine/http_route.h"

#include "engine/http/waiters.h"

namespace millrace::engine {

/// A connection, as a feed of events uses it. All calls are on the connection's strand.
class EventWire {
 public:
  using Work = std::function<void()>;

  virtual ~EventWire() = default;
  /// Calls `done` on the strand: false when the bytes did not go within `limit`, and the connection
  /// is closed then.
  virtual void send(std::string bytes, std::chrono::milliseconds limit,
                    std::function<void(bool is_sent)> done) = 0;
  /// Runs `work` on the strand then, instead of what the last call said.
  virtual void call_in(std::chrono::milliseconds pause, Work work) = 0;
  /// A function for any thread: it has work run on the strand, unless the connection has ended.
  virtual std::function<void(Work)> poster() = 0;
  /// Whether the caller still has the rights that he had.
  virtual bool is_allowed() const = 0;
  /// Ends the answer and the connection.
  virtual void finish() = 0;
};

/// Sends the events of one source over a connection: server-sent events, with comments while there
/// are none. It asks the source on threads of `waiters`, so an idle stream takes none.
///
/// A reader who takes longer for an event than the limit is cut off by an event `cut`, and without
/// one after twice the limit. `end` is the last event otherwise. Both have the id to continue from.
class EventFeed {
 public:
  struct Limits {
    std::chrono::milliseconds event{};
    std::chrono::milliseconds keep_alive{};
  };
  /// The wire and the waiters outlive it.
  EventFeed(EventWire& wire, Waiters& waiters, std::shared_ptr<HttpEventSource> source,
            Limits limits);
  ~EventFeed();
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  // On the wire's strand.
  void start();
  /// Ends the stream after the event that is being sent.
  void end();
  /// The connection is gone.
  void drop();

 private:
  enum class State : unsigned char { kIdle, kMaking, kSending, kOver };
  /// For others to ring; it forgets the feed when that ends.
  struct Bell;

  void advance();
  void make();
  void take(const HttpEventSource::Made& made);
  void send_event(const HttpEvent& event, bool is_last);
  void send_last(const char* name);
  void send_comment(const char* text);
  void look_again();

  EventWire& wire_;
  Waiters& waiters_;
  std::shared_ptr<HttpEventSource> source_;  ///< null once it is over
  const Limits limits_;
  const std::shared_ptr<Bell> bell_;
  State state_ = State::kIdle;
  bool is_due_ = true;  ///< the source has to be asked
  bool is_ending_ = false;
  std::chrono::milliseconds again_in_{0};
  std::string last_id_;
};

/// As it goes over the wire.
std::string event_text(const HttpEvent& event);

}  // namespace millrace::engine
