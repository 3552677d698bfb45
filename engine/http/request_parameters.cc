#include "engine/http/request_parameters.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/base/numbers.h"

namespace millrace {

const std::string* HttpRequest::find(const std::string& parameter) const {
  const auto found = parameters.find(parameter);
  return found == parameters.end() ? nullptr : &found->second;
}

std::optional<int64_t> HttpRequest::integer(const std::string& parameter) const {
  const std::string* const text = find(parameter);
  int64_t value = 0;
  if (text == nullptr || !engine::read_number(*text, value)) return std::nullopt;
  return value;
}

namespace engine {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The fault of a value, which a message never repeats: it may be anything.
std::string fault_of(const HttpParameter& parameter, const std::string& value) {
  int64_t number = 0;
  switch (parameter.type) {
    case HttpParameter::Type::kString:
      if (value.size() <= parameter.length_max) return {};
      return fmt::format("{} is longer than {} bytes", parameter.name, parameter.length_max);
    case HttpParameter::Type::kInteger:
      if (read_number(value, number) && number >= parameter.min && number <= parameter.max) {
        return {};
      }
      return fmt::format("{} is no whole number from {} to {}", parameter.name, parameter.min,
                         parameter.max);
    case HttpParameter::Type::kChoice:
      if (std::find(parameter.choices.begin(), parameter.choices.end(), value) !=
          parameter.choices.end()) {
        return {};
      }
      return fmt::format("{} is none of: {}", parameter.name, fmt::join(parameter.choices, ", "));
  }
  return {};
}

std::string read_query(std::string_view query, std::map<std::string, std::string>& parameters) {
  if (query.empty()) return {};
  for (const std::string_view part : split_at(query, '&')) {
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    auto name = percent_decoded(part.substr(0, equals), true);
    auto value = percent_decoded(
        equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1), true);
    if (!name || !value) {
      return "a '%' in the query string is not followed by two hex digits";
    }
    if (!parameters.emplace(*std::move(name), *std::move(value)).second) {
      return "a parameter of the query string occurs twice";
    }
  }
  return {};
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
      if (low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0;;) {
    const size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::string read_parameters(const HttpRoute& route, std::string_view query, HttpRequest& request) {
  if (std::string fault = read_query(query, request.parameters); !fault.empty()) return fault;
  size_t known = 0;
  for (size_t i = 0; i < route.parameters.size(); ++i) {
    const HttpParameter& parameter = route.parameters[i];
    const bool is_of_path = i < request.arguments.size();
    const std::string* const value =
        is_of_path ? &request.arguments[i] : request.find(parameter.name);
    if (value == nullptr) {
      if (parameter.is_required) {
        return fmt::format("the parameter {} is missing: {}", parameter.name, parameter.meaning);
      }
      continue;
    }
    if (!is_of_path) ++known;
    if (std::string fault = fault_of(parameter, *value); !fault.empty()) return fault;
  }
  if (known == request.parameters.size()) return {};
  return "the query string has a parameter that this path does not know: see /v1/openapi.json";
}

}  // namespace engine
}  // namespace millrace
