#include "engine/http/token_table.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "millrace/engine/query_server.h"

#include "engine/base/file.h"
#include "engine/http/request_parameters.h"
#include "engine/secrets/bearer.h"
#include "engine/secrets/secret_file.h"

namespace millrace::engine {
namespace {

constexpr size_t kTokenFileBytesMax = 1 << 20;
constexpr size_t kTokenNameLengthMax = 64;
constexpr size_t kSaltLengthMin = 8;
constexpr size_t kSaltLengthMax = 128;
constexpr size_t kHashLength = 64;
constexpr std::string_view kAnonymous = "anonymous";
constexpr std::string_view kBlank = " \t\r";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kNameBytes =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    if (line.empty()) return words;
    const size_t end = std::min(line.find_first_of(kBlank), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

std::optional<Rights> read_rights(std::string_view text) {
  Rights rights;
  for (const std::string_view name : split_at(text, ',')) {
    bool is_known = false;
    for (const Right right : {Right::kRead, Right::kPersonal, Right::kRaw, Right::kOperate}) {
      if (to_string(right) != name) continue;
      rights.add(right);
      is_known = true;
    }
    if (!is_known) return std::nullopt;
  }
  return rights;
}

bool consists_of(std::string_view text, std::string_view bytes) {
  return text.find_first_not_of(bytes) == std::string_view::npos;
}

}  // namespace

Result<TokenTable> TokenTable::load(const std::filesystem::path& file) {
  MILLRACE_RETURN_IF_ERROR(check_private(file));
  const Result<std::string> text = read_file(std::filesystem::canonical(file), kTokenFileBytesMax);
  if (!text.ok()) return Error{ErrorCode::kConfig, text.message()};
  return parse(*text, file.string());
}

Result<TokenTable> TokenTable::parse(std::string_view text, const std::string& name_of_file) {
  TokenTable table;
  size_t number = 0;
  for (const std::string_view whole : split_at(text, '\n')) {
    ++number;
    const std::string fault = table.add_line(whole.substr(0, whole.find('#')));
    if (fault.empty()) continue;
    return Error{ErrorCode::kConfig,
                 fmt::format("{}:{}: {}. A line is: name rights salt hash, with rights out of "
                             "read,personal,raw,operate and hash = SHA-256 of salt and token",
                             name_of_file, number, fault)};
  }
  return table;
}

std::string TokenTable::add_line(std::string_view line) {
  const std::vector<std::string_view> words = words_of(line);
  if (words.empty()) return {};
  const std::string_view name = words[0];
  if (name.size() > kTokenNameLengthMax || !consists_of(name, kNameBytes)) return "not a name";
  const auto rights = words.size() < 2 ? std::nullopt : read_rights(words[1]);
  if (!rights) return "not rights";
  if (name == kAnonymous) {
    if (words.size() != 2) return "anonymous has no token";
    anonymous_ = *rights;
    return {};
  }
  if (words.size() != 4) return "not four fields";
  if (words[2].size() < kSaltLengthMin || words[2].size() > kSaltLengthMax) {
    return fmt::format("a salt has {} to {} bytes", kSaltLengthMin, kSaltLengthMax);
  }
  if (words[3].size() != kHashLength || !consists_of(words[3], kHexDigits)) {
    return "a hash has 64 hexadecimal digits in lower case";
  }
  if (entries_.size() == kTokensMax) return "too many tokens";
  for (const Entry& entry : entries_) {
    if (entry.caller.name == name) return "the name occurs twice";
  }
  entries_.push_back({{std::string(name), *rights}, std::string(words[2]), std::string(words[3])});
  return {};
}

const TokenTable::Caller* TokenTable::find(std::string_view token) const {
  const Caller* found = nullptr;
  if (token.empty()) return found;
  for (const Entry& entry : entries_) {
    const bool is_his = is_same_secret(salted_hash(entry.salt, token), entry.hash);
    if (is_his) found = &entry.caller;
  }
  return found;
}

}  // namespace millrace::engine

namespace millrace {

Result<std::shared_ptr<engine::Reloaded<const engine::TokenTable>>> follow_token_file(
    const std::filesystem::path& path) {
  using engine::TokenTable;
  return engine::Reloaded<const TokenTable>::open(
      {path}, [path]() -> Result<std::shared_ptr<const TokenTable>> {
        Result<TokenTable> table = TokenTable::load(path);
        if (!table.ok()) return table.status();
        return std::make_shared<const TokenTable>(*std::move(table));
      });
}

}  // namespace millrace
