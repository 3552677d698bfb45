#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/engine/http_route.h"

#include "engine/base/reloaded.h"

namespace millrace::engine {

/// The callers that a file names, by the hashes of their bearer tokens. A line a caller, '#' begins
/// a comment:
///
///   crm-ui     read,personal  9f86d081884c7d65  <64 hexadecimal digits>
///   anonymous  read
///
/// The fields are a name (letters, digits, '.', '_', '-'), rights, a salt and the hash: SHA-256 of
/// the salt as it is written, and then the token. `anonymous` has rights only: those of a caller
/// without a token.
class TokenTable {
 public:
  struct Caller {
    std::string name;
    Rights rights;
  };

  static constexpr size_t kTokensMax = 256;

  /// An empty table: nobody has a token.
  TokenTable() = default;
  /// Reads the file. Error: `kConfig` with the line and its fault, and nothing of a token or hash;
  /// also when others than owner and group may read the file, or others than the owner write it.
  static Result<TokenTable> load(const std::filesystem::path& file);
  static Result<TokenTable> parse(std::string_view text, const std::string& name_of_file);

  /// Whose token it is; null: nobody's. It takes as long for every token of a length.
  const Caller* find(std::string_view token) const;
  Rights anonymous() const { return anonymous_; }
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    Caller caller;
    std::string salt;
    std::string hash;
  };
  /// Adds what a line says; returns its fault.
  std::string add_line(std::string_view line);

  std::vector<Entry> entries_;
  Rights anonymous_;
};

}  // namespace millrace::engine
