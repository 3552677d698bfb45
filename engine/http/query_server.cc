#include "millrace/engine/query_server.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/engine/metrics.h"

#include "engine/base/endpoint.h"
#include "engine/http/admission.h"
#include "engine/http/allowed_hosts.h"
#include "engine/http/open_api.h"
#include "engine/http/route_table.h"
#include "engine/http/session.h"
#include "engine/http/tls.h"
#include "engine/http/token_table.h"
#include "engine/http/waiters.h"
#include "engine/metrics/metric_table.h"
#include "engine/secrets/peer_key.h"

namespace millrace {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using ServerTcp = asio::ip::tcp;

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::chrono::minutes kRefusalLogInterval{1};
constexpr int kReservedMax = 16;
constexpr int kWaiterThreads = 16;
constexpr int kWaitingMax = 512;
constexpr int kStreamThreads = 8;
/// For answers under way, last events, and callers to close; then all connections are cut.
constexpr std::chrono::milliseconds kStopLimit{1'500};

/// Whose share of the connections it is: an IPv6 address stands for its network of 64 bits, which
/// is one customer's.
std::string share_of(const asio::ip::address& address) {
  if (!address.is_v6()) return address.to_string();
  asio::ip::address_v6::bytes_type bytes = address.to_v6().to_bytes();
  if (address.to_v6().is_v4_mapped()) return address.to_string();
  constexpr size_t kNetworkBytes = 8;
  std::fill(bytes.begin() + kNetworkBytes, bytes.end(), 0);
  return asio::ip::address_v6(bytes).to_string();
}

}  // namespace

struct QueryServer::Impl {
  explicit Impl(QueryServerOptions chosen)
      : options(std::move(chosen)),
        hosts(options.allowed_hosts),
        admission({options.connections_max, options.connections_per_address_max, kReservedMax}),
        acceptor(asio::make_strand(context)),
        pause(acceptor.get_executor()) {}

  void accept() {
    acceptor.async_accept([this](error_code error, ServerTcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) {
        // Out of descriptors, most likely: trying at once would spin.
        pause.expires_after(kAcceptPause);
        pause.async_wait([this](error_code aborted) {
          if (!aborted) accept();
        });
        return;
      }
      take(std::move(socket));
      accept();
    });
  }

  void take(ServerTcp::socket socket) {
    error_code error;
    const ServerTcp::endpoint peer = socket.remote_endpoint(error);
    if (error) return;  // gone already
    engine::Admission::Place place = admission.enter(share_of(peer.address()));
    if (place.entry() != engine::Admission::Entry::kOpen) refuse(place, peer);
    if (!place.is_taken()) return;
    const int descriptor = socket.release(error);
    if (error) return;
    engine::start_session(context, descriptor, peer.protocol() == ServerTcp::v6(), shared,
                          std::move(place), tls == nullptr ? nullptr : tls->get());
  }

  void close() {
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
  }

  /// Counts it, and logs it once a minute.
  void refuse(const engine::Admission::Place& place, const ServerTcp::endpoint& peer) {
    if (place.entry() != engine::Admission::Entry::kReserved) {
      const bool is_address = place.entry() == engine::Admission::Entry::kNoneLeftOfAddress;
      shared.count_refusal(is_address ? "address" : "connections");
    }
    const auto now = std::chrono::steady_clock::now();
    if (refusal_logged != decltype(refusal_logged)() && now - refusal_logged < kRefusalLogInterval)
      return;
    refusal_logged = now;
    spdlog::warn(
        "query server has no connection left for others than probes peer={} "
        "connections={} connections_max={} per_address_max={}",
        peer.address().to_string(), admission.connections(), options.connections_max,
        options.connections_per_address_max);
  }

  Status listen() {
    error_code error;
    const std::string host = options.host == "localhost"
                                 ? std::string("127.0.0.1")
                                 : std::string(engine::without_brackets(options.host));
    const asio::ip::address address = asio::ip::make_address(host, error);
    const ServerTcp::endpoint endpoint(address,
                                       static_cast<uint16_t>(options.port < 0 ? 0 : options.port));
    if (!error) acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error) return {};
    return Error{ErrorCode::kConfig,
                 fmt::format("query server: cannot listen on {} port {}: {} (query.host takes an "
                             "IP address)",
                             options.host, options.port, error.message())};
  }

  void describe() {
    routes.add({.pattern = "/v1/openapi.json",
                .right = Right::kNone,
                .summary = "This description of all paths.",
                .handler = [this](const HttpRequest&) { return HttpAnswer{.body = document}; }});
    const Rights anonymous =
        options.tokens == nullptr ? options.anonymous : options.tokens->get()->anonymous();
    document = engine::open_api(routes.routes(), options.title, anonymous);
  }

  Status open_tls() {
    if (options.tls_certificate_file.empty() && options.tls_key_file.empty()) return {};
    auto opened = engine::open_server_tls(options.tls_certificate_file, options.tls_key_file);
    if (!opened.ok()) return opened.status();
    tls = *std::move(opened);
    if (options.metrics != nullptr) {
      options.metrics->on_collect([&metrics = *options.metrics, settings = tls] {
        const std::optional<int64_t> end_s = engine::certificate_end_s(*settings->get());
        if (!end_s) return;
        metrics.gauge(engine::metric("millrace_certificate_expiry_timestamp_seconds"))
            .set(static_cast<double>(*end_s));
      });
    }
    return {};
  }

  const QueryServerOptions options;
  std::shared_ptr<engine::TlsSettings> tls;  ///< null: connections are in the clear
  engine::RouteTable routes{options.scans_max};
  const engine::AllowedHosts hosts;
  std::string document;
  engine::Admission admission;  // outlives the sessions that `context` holds, as these do
  engine::LiveSessions sessions;
  const engine::Turnstile streams{options.streams_max};
  engine::SessionShared shared{routes,
                               hosts,
                               options.tokens.get(),
                               options.peer_key.get(),
                               options.anonymous,
                               options.metrics,
                               admission,
                               sessions,
                               waiters,
                               stream_waiters,
                               streams,
                               std::chrono::milliseconds(options.idle_timeout_ms),
                               std::chrono::milliseconds(options.request_timeout_ms),
                               std::chrono::milliseconds(options.answer_timeout_ms),
                               {std::chrono::milliseconds(options.event_timeout_ms),
                                std::chrono::milliseconds(options.keep_alive_ms)}};
  std::chrono::steady_clock::time_point refusal_logged;
  asio::io_context context;
  engine::Waiters waiters{kWaiterThreads, kWaitingMax};  // after `context`: work holds sessions
  engine::Waiters stream_waiters{kStreamThreads, options.streams_max};
  ServerTcp::acceptor acceptor;
  asio::steady_timer pause;
  std::vector<std::thread> threads;
};

QueryServer::QueryServer(QueryServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}

QueryServer::~QueryServer() {
  stop();
}

void QueryServer::route(HttpRoute route) {
  impl_->routes.add(std::move(route));
}

Result<int> QueryServer::start() {
  MILLRACE_RETURN_IF_ERROR(impl_->open_tls());
  MILLRACE_RETURN_IF_ERROR(impl_->listen());
  const int port = impl_->acceptor.local_endpoint().port();
  impl_->describe();
  impl_->accept();
  for (int i = 0; i < impl_->options.threads; ++i) {
    impl_->threads.emplace_back([this] { impl_->context.run(); });
  }
  spdlog::info("query server listens url={}://{}", impl_->tls == nullptr ? "http" : "https",
               engine::Endpoint{std::string(engine::without_brackets(impl_->options.host)),
                                static_cast<uint16_t>(port)}
                   .to_string());
  return port;
}

void QueryServer::stop() {
  if (!impl_->threads.empty()) {
    // The system would still take connections, that nobody serves.
    asio::post(impl_->acceptor.get_executor(), [impl = impl_.get()] { impl->close(); });
    impl_->sessions.end_all();
    impl_->sessions.wait_for_none(kStopLimit);
  }
  impl_->context.stop();
  impl_->waiters.stop();
  impl_->stream_waiters.stop();
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
  impl_->close();
  impl_->sessions.close_all();
}

}  // namespace millrace
