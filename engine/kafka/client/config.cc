#include "engine/kafka/client/config.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/syslog.h>
#include <unistd.h>

#include "engine/base/secret_names.h"
#include "engine/kafka/client/errors.h"

namespace millrace::engine::kafka {
namespace {

/// Properties on which exactly once, the barrier or the position bookkeeping rest, sizes, which
/// follow from the topics' limits, and the name by which the group knows an instance.
constexpr auto kOwnProperties = std::to_array<std::string_view>({
    "auto.offset.reset",
    "batch.size",
    "client.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "message.max.bytes",
    "partition.assignment.strategy",
    "transactional.id",
});

/// Of files, which librdkafka does not name when it cannot read them.
constexpr auto kFileProperties = std::to_array<std::string_view>({
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.crl.location",
    "ssl.key.location",
    "ssl.keystore.location",
});

/// Of certificates that librdkafka looks for on its own.
constexpr std::string_view kProbe = "probe";

Status check_file(std::string_view name, const std::string& file) {
  if (std::ranges::find(kFileProperties, name) == kFileProperties.end()) return {};
  if (file.empty() || file == kProbe || access(file.c_str(), R_OK) == 0) return {};
  return Error{ErrorCode::kConfig, fmt::format("kafka.{} = {}: the file cannot be read: {}", name,
                                               file, std::strerror(errno))};
}

std::string without_value(std::string text, std::string_view name, std::string_view value) {
  if (!may_be_secret(name) || value.empty()) return text;
  for (size_t at = text.find(value); at != std::string::npos; at = text.find(value, at + 3)) {
    text.replace(at, value.size(), "***");
  }
  return text;
}

struct Property {
  std::optional<ClientKind> only;
  std::string name;
};

Property parse_property(std::string_view name) {
  const auto drop = [&name](std::string_view prefix) {
    const bool found = name.starts_with(prefix);
    if (found) name.remove_prefix(prefix.size());
    return found;
  };
  drop("kafka.");
  if (drop("consumer.")) return {ClientKind::kConsumer, std::string(name)};
  if (drop("producer.")) return {ClientKind::kProducer, std::string(name)};
  return {std::nullopt, std::string(name)};
}

spdlog::level::level_enum level_of(int syslog_level) {
  if (syslog_level <= LOG_CRIT) return spdlog::level::critical;
  if (syslog_level <= LOG_ERR) return spdlog::level::err;
  if (syslog_level <= LOG_WARNING) return spdlog::level::warn;
  if (syslog_level <= LOG_INFO) return spdlog::level::info;
  return spdlog::level::debug;
}

void on_log(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  // Properties for all clients make each consumer complain about the producer's, and vice versa.
  const bool of_other_kind = std::string_view(facility) == "CONFWARN";
  spdlog::log(of_other_kind ? spdlog::level::debug : level_of(level), "kafka client={} {}: {}",
              client != nullptr ? rd_kafka_name(client) : "-", facility, text);
}

/// The log already reports single connections and fatal errors.
void on_error(rd_kafka_t* client, int error, const char* reason, void*) {
  const bool all_down = error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
  spdlog::log(all_down ? spdlog::level::warn : spdlog::level::debug, "kafka client={} error={}: {}",
              rd_kafka_name(client), rd_kafka_err2name(static_cast<rd_kafka_resp_err_t>(error)),
              reason);
}

}  // namespace

ClientConfig::ClientConfig(const KafkaOptions& options, ClientKind kind, std::string_view purpose)
    : options_(options), kind_(kind), conf_(rd_kafka_conf_new()) {
  rd_kafka_conf_set_log_cb(conf_.get(), on_log);
  rd_kafka_conf_set_error_cb(conf_.get(), on_error);
  set("bootstrap.servers", options.bootstrap_servers);
  set("client.id",
      purpose.empty() ? options.client_id : fmt::format("{}-{}", options.client_id, purpose));
  set("log.connection.close", "false");
  set("allow.auto.create.topics", "false");
  set("reconnect.backoff.ms", 100);
  set("reconnect.backoff.max.ms", 2'000);
  if (kind == ClientKind::kConsumer) {
    set("group.id", options.application_id);
    set("enable.auto.commit", "false");
    set("enable.auto.offset.store", "false");
    set("isolation.level", "read_committed");
    set("auto.offset.reset", "error");
  }
}

void ClientConfig::set(const std::string& name, const std::string& value) {
  if (!problem_.ok()) return;
  std::array<char, kErrorTextBytes> text{};
  if (rd_kafka_conf_set(conf_.get(), name.c_str(), value.c_str(), text.data(), text.size()) !=
      RD_KAFKA_CONF_OK) {
    problem_ = Error{ErrorCode::kConfig, fmt::format("librdkafka property {}: {}", name,
                                                     without_value(text.data(), name, value))};
  }
}

Status ClientConfig::check() {
  for (const auto& [written, value] : options_.properties) {
    const Property property = parse_property(written);
    if (!property.only || *property.only == kind_) set(property.name, value);
  }
  return problem_;
}

Result<Client> ClientConfig::create() {
  MILLRACE_RETURN_IF_ERROR(check());
  std::array<char, kErrorTextBytes> text{};
  const rd_kafka_type_t type =
      kind_ == ClientKind::kConsumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER;
  Client client(rd_kafka_new(type, conf_.get(), text.data(), text.size()));
  if (client == nullptr) {
    std::string shown = text.data();
    for (const auto& [name, value] : options_.properties) shown = without_value(shown, name, value);
    return Error{ErrorCode::kConfig, fmt::format("librdkafka: {}", shown)};
  }
  static_cast<void>(conf_.release());  // the client's now
  return client;
}

Status check_options(const KafkaOptions& options) {
  if (options.application_id.empty()) {
    return Error{ErrorCode::kConfig, "the application id is empty"};
  }
  if (options.barrier_timeout_ms < options.session_timeout_ms) {
    return Error{ErrorCode::kConfig,
                 fmt::format("barrier_timeout_ms={} is below session_timeout_ms={}",
                             options.barrier_timeout_ms, options.session_timeout_ms)};
  }
  for (const auto& [written, value] : options.properties) {
    const std::string name = parse_property(written).name;
    if (std::find(kOwnProperties.begin(), kOwnProperties.end(), name) != kOwnProperties.end()) {
      return Error{
          ErrorCode::kConfig,
          fmt::format("librdkafka property {} is the engine's own and cannot be set", name)};
    }
    MILLRACE_RETURN_IF_ERROR(check_file(name, value));
  }
  for (const ClientKind kind : {ClientKind::kConsumer, ClientKind::kProducer}) {
    MILLRACE_RETURN_IF_ERROR(ClientConfig(options, kind, "").check());
  }
  return {};
}

}  // namespace millrace::engine::kafka
