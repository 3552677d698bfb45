#include "apps/cli/operate_tool.h"

#include <chrono>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/base/endpoint.h"
#include "engine/http/http_client.h"
#include "engine/http/tls.h"
#include "engine/secrets/secret_file.h"

namespace millrace::apps {
namespace {

using engine::HttpClient;
using SteadyClock = std::chrono::steady_clock;

constexpr std::string_view kPlainScheme = "http://";
constexpr uint64_t kAnswerBytesMax = 1 << 20;
constexpr std::chrono::milliseconds kPollPause{500};
constexpr int64_t kWaitMaxS = 86'400;

Result<std::unique_ptr<HttpClient>> open(const OperateFlags& flags) {
  std::string endpoint = flags.url;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  std::shared_ptr<engine::TlsSettings> tls;
  if (endpoint.starts_with(engine::kSecureScheme)) {
    auto opened = engine::open_client_tls(flags.authorities);
    if (!opened.ok()) return opened.status();
    tls = *std::move(opened);
  } else if (endpoint.starts_with(kPlainScheme)) {
    endpoint.erase(0, kPlainScheme.size());
  } else {
    return Error{ErrorCode::kInvalidArgument, flags.url + ": not of the form http://host:port"};
  }
  return HttpClient::open(std::move(endpoint), {}, {}, std::move(tls));
}

Result<std::string> post(const OperateFlags& flags, const std::string& authorization) {
  const auto client = open(flags);
  if (!client.ok()) return client.status();
  unsigned status = 0;
  std::string body;
  MILLRACE_RETURN_IF_ERROR((*client)->get(
      {.target = "/v1/" + flags.operation,
       .method = "POST",
       .authorization = authorization,
       .body_bytes_max = kAnswerBytesMax},
      [&](const HttpClient::Head& head) {
        status = head.status;
        return Status();
      },
      [&](std::string_view bytes) {
        body.append(bytes);
        return Status();
      }));
  if (status == 200) return body;
  const ErrorCode code = status >= 500 ? ErrorCode::kRetriable : ErrorCode::kRefused;
  return Error{code, fmt::format("{}: {} {}", flags.url, status, engine::error_in(body))};
}

bool is_drained(const std::string& answer) {
  const auto object = nlohmann::json::parse(answer, nullptr, false);
  return object.is_object() && object.value("drained", false);
}

}  // namespace

Status operate(const OperateFlags& flags, std::ostream& out) {
  std::string authorization;
  if (!flags.token_file.empty()) {
    Result<std::string> token = engine::read_secret_file(flags.token_file);
    if (!token.ok()) return token.status();
    authorization = "Bearer " + *token;
  }
  const auto end = SteadyClock::now() + std::chrono::seconds(flags.wait_s);
  for (;;) {
    const Result<std::string> answer = post(flags, authorization);
    if (!answer.ok()) return answer.status();
    if (flags.wait_s == 0 || is_drained(*answer)) {
      out << *answer;
      return {};
    }
    if (SteadyClock::now() >= end) {
      return Error{ErrorCode::kTimedOut,
                   fmt::format("{}: still has tasks after {} s", flags.url, flags.wait_s)};
    }
    std::this_thread::sleep_for(kPollPause);
  }
}

void add_operations(CLI::App& top, OperateFlags& flags) {
  const auto add = [&](const char* name, const char* meaning) {
    CLI::App* const app = top.add_subcommand(name, meaning);
    app->callback([&flags, name] { flags.operation = name; });
    app->add_option("--url", flags.url, "URL of the instance's query server, http or https.")
        ->capture_default_str();
    app->add_option("--token-file", flags.token_file,
                    "File with a bearer token that has the right operate.");
    app->add_option("--tls-authority", flags.authorities,
                    "PEM file of the authorities to believe over https; without it those that "
                    "this\nsystem knows.");
    return app;
  };
  add("pause", "Stops the processing of one instance; it keeps its tasks and answers queries.");
  add("resume", "Ends the pause of one instance.");
  add("drain",
      "Lets one instance give its tasks to the others, until its next start; stopping it then\n"
      "interrupts nothing. Alone in its group it keeps them.\n\n"
      "  millrace drain --wait 120 && systemctl stop millrace@crm")
      ->add_option("--wait", flags.wait_s,
                   "Seconds to wait until it has given them away; 0: ask only.")
      ->check(CLI::Range(int64_t{0}, kWaitMaxS))
      ->capture_default_str();
}

}  // namespace millrace::apps
