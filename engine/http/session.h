#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "millrace/engine/http_route.h"
#include "millrace/engine/metrics.h"

#include "engine/http/admission.h"
#include "engine/http/allowed_hosts.h"
#include "engine/http/event_feed.h"
#include "engine/http/live_sessions.h"
#include "engine/http/route_table.h"
#include "engine/http/token_table.h"
#include "engine/http/waiters.h"
#include "engine/secrets/peer_key.h"

namespace boost::asio {
class io_context;
namespace ssl {
class context;
}
}  // namespace boost::asio

namespace millrace::engine {

/// The parts of a server that all its connections share. They outlive them.
struct SessionShared {
  const RouteTable& routes;
  const AllowedHosts& hosts;
  Reloaded<const TokenTable>* tokens;  ///< null: nobody has a token
  const PeerKey* peer_key;             ///< null: nobody is another instance
  Rights anonymous;                    ///< without `tokens`
  Metrics* metrics;                    ///< null: nobody counts
  const Admission& admission;
  LiveSessions& sessions;
  Waiters& waiters;
  Waiters& stream_waiters;   ///< for streams of events, apart: they may all wait at once
  const Turnstile& streams;  ///< that are open
  std::chrono::milliseconds idle_timeout;
  std::chrono::milliseconds request_timeout;
  std::chrono::milliseconds answer_timeout;
  EventFeed::Limits event_limits;

  void count_refusal(std::string_view reason) const {
    if (metrics != nullptr) metrics->query_refusals(reason).add();
  }
  void show_connections() const {
    if (metrics != nullptr) metrics->query_connections().set(admission.connections());
  }
  /// A place for a stream of events; null: all are taken.
  std::shared_ptr<void> enter_stream() const {
    std::shared_ptr<void> place = streams.enter();
    if (place != nullptr) show_streams();
    return place;
  }
  /// `place` may be null.
  void leave_stream(std::shared_ptr<void> place) const {
    if (place == nullptr) return;
    place.reset();
    show_streams();
  }
  void show_streams() const {
    if (metrics != nullptr) metrics->query_streams().set(streams.taken());
  }
};

/// Serves a connection on the threads of `context` until it ends: reads a request, answers it,
/// reads the next. Takes over the descriptor of the socket. A connection of the reserve gets one
/// answer, from a vital route. Null `tls`: the connection is in the clear.
void start_session(boost::asio::io_context& context, int socket, bool is_v6,
                   const SessionShared& shared, Admission::Place place,
                   const std::shared_ptr<boost::asio::ssl::context>& tls);

}  // namespace millrace::engine
