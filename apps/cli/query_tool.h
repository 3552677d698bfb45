#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/engine/client.h"

namespace CLI {
class App;
}

namespace millrace::apps {

/// Where and how to ask a running program.
struct QueryFlags {
  std::vector<std::string> urls{"http://127.0.0.1:8090"};
  std::filesystem::path token_file{};   ///< a bearer token; empty: none
  std::filesystem::path authorities{};  ///< PEM; empty: those that the system knows
  std::string min_position{};           ///< empty: any state
  bool may_be_stale = false;
};

struct GetFlags {
  QueryFlags server{};
  std::string path{};
  bool shows_position = false;
};

struct ScanFlags {
  QueryFlags server{};
  std::string store{};
  std::optional<std::string> prefix{};
  std::optional<std::string> from{};
  std::optional<std::string> to{};
  bool is_descending = false;
  bool is_hex = false;  ///< as bytes instead of JSON
  uint64_t limit = 0;   ///< rows; 0: all
};

struct IndexFlags {
  QueryFlags server{};
  std::string of{};  ///< "accounts", "entitlements", or a store
  std::string index{};
  client::IndexQuestion question{};
  uint64_t limit = 0;  ///< rows; 0: all
};

struct WatchFlags {
  QueryFlags server{};
  std::string id{};     ///< of an account
  std::string store{};  ///< instead: of this store the row with that key
  uint64_t limit = 0;   ///< events; 0: without end
};

struct TopologyFlags {
  QueryFlags server{};
  bool is_mermaid = false;
};

/// Writes the answer to `GET path`, and with `shows_position` its position to `notes`. Errors:
/// those of `client::Client`; `kNotFound`.
Status get_path(const GetFlags& flags, std::ostream& out, std::ostream& notes);
/// Writes rows as JSON lines. Errors: those of `client::Client`.
Status scan_store(const ScanFlags& flags, std::ostream& out);
/// Writes what an index finds as JSON lines, in the order of its values. Errors: those of
/// `client::Client`.
Status scan_index(const IndexFlags& flags, std::ostream& out);
/// Writes the account now and after each change, a JSON line each, and flushes. Errors: those of
/// `client::Client`.
Status watch_account(const WatchFlags& flags, std::ostream& out);
Status show_topology(const TopologyFlags& flags, std::ostream& out);

/// The subcommands `get`, `scan`, `index`, `watch` and `topology`.
CLI::App* add_get(CLI::App& top, GetFlags& flags);
CLI::App* add_scan(CLI::App& top, ScanFlags& flags);
CLI::App* add_index(CLI::App& top, IndexFlags& flags);
CLI::App* add_watch(CLI::App& top, WatchFlags& flags);
CLI::App* add_topology(CLI::App& top, TopologyFlags& flags);

}  // namespace millrace::apps
