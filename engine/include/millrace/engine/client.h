#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"
#include "millrace/core/serde.h"

/// Asks the query servers of an application, from any program; needs no Kafka.
namespace millrace::client {

struct Options {
  /// Query servers of the instances, "http://host:port" or "https://host:port", by default with
  /// the ports 80 and 443. One is enough, as any instance answers for any key; others take over
  /// when it is away.
  std::vector<std::string> urls{};
  std::string token{};                      ///< sent as `Authorization: Bearer`; empty: none
  std::filesystem::path tls_authorities{};  ///< PEM; empty: those that the system knows
  int64_t timeout_ms = 10'000;              ///< for an answer, all attempts together
  /// Rows include all that earlier answers of this client did, and what `include` named.
  bool is_monotonic = true;
};

/// How recent an answer has to be.
struct Freshness {
  bool may_be_stale = false;  ///< a standby may answer when the owner does not
  std::optional<int64_t> lag_records_max{};
  std::optional<int64_t> lag_ms_max{};
};

struct Answer {
  unsigned status = 0;
  std::string body{};      ///< JSON, mostly
  std::string position{};  ///< token of the state that it comes from
};

/// One of a stream of server-sent events.
struct Event {
  std::string name{};  ///< of accounts `account`, of rows `row`; `gone`: there is none any more
  std::string id{};    ///< to continue from after it; a position too
  std::string data{};  ///< JSON
};

struct WatchQuestion {
  std::string path{};  ///< of `/v1/openapi.json`, with events
  std::map<std::string, std::string> parameters{};
  std::string from{};      ///< id of an event, or a position, to continue from; empty: the present
  std::stop_token stop{};  ///< ends the call too
};

struct StoredRow {
  std::string key;
  std::string value;
  int64_t timestamp_ms = 0;
};

struct RowsQuestion {
  std::optional<std::string> from{};    ///< the least key; null: open
  std::optional<std::string> to{};      ///< the key behind the last; null: open
  std::optional<std::string> prefix{};  ///< instead of both: how keys begin
  bool is_descending = false;
  size_t rows_max = 100;  ///< of a page, 1,000 at most
  std::string page{};     ///< `RowsPage::next` of the page before; empty: the first
  Freshness freshness{};
};

struct IndexQuestion {
  std::optional<std::string> value{};   ///< of the index; an integer as decimal digits
  std::optional<std::string> from{};    ///< instead: the least value
  std::optional<std::string> to{};      ///< and the value behind the last
  std::optional<std::string> prefix{};  ///< instead: how texts begin
  bool is_descending = false;
  size_t rows_max = 100;  ///< of a page, 1,000 at most
  std::string page{};     ///< `JsonPage::next` of the page before; empty: the first
  Freshness freshness{};
};

struct RowsPage {
  std::vector<StoredRow> rows;
  std::string next;  ///< empty: this was the last page
};

struct JsonPage {
  std::vector<std::string> rows;  ///< each an object
  std::string next;               ///< empty: this was the last page
};

/// A row as values of the store's types.
template <class K, class V>
class TypedRow {
 public:
  explicit TypedRow(StoredRow row) : row_(std::move(row)) {}
  ViewOf<K> key() const { return view_of<K>(Bytes(row_.key)); }
  ViewOf<V> value() const { return view_of<V>(Bytes(row_.value)); }
  int64_t timestamp_ms() const { return row_.timestamp_ms; }

 private:
  StoredRow row_;
};

/// A connection to an application. It keeps a few connections open and carries the latest position
/// from answer to question. Thread-safe; a call blocks its thread.
///
/// Errors of all calls: `kRetriable`: no instance answers, or a 503: ask again later; `kTimedOut`;
/// `kRefused`: a certificate, token or right is missing; `kInvalidArgument`: a 400;
/// `kNotReady`: a 409; `kInvalidRecord`: the server talks nonsense.
class Client {
 public:
  /// Connects with the first call. Error: `kInvalidArgument` for a URL, `kConfig` for the file.
  static Result<std::unique_ptr<Client>> open(Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Any path of `/v1/openapi.json`; `parameters` are not encoded yet. Not every path takes
  /// `min_position`, so pass `position()` by that name where one does. A 404 is an answer, other
  /// statuses than 200 are errors.
  Result<Answer> get(std::string_view path,
                     const std::map<std::string, std::string>& parameters = {});

  /// A row of a store; nullopt: there is none. Needs the right `raw`.
  Result<std::optional<StoredRow>> row(std::string_view store, Bytes key,
                                       const Freshness& freshness = {});
  template <class K, class V>
  Result<std::optional<TypedRow<K, V>>> row_as(std::string_view store, const OwnedOf<K>& key,
                                               const Freshness& freshness = {}) {
    std::string bytes;
    encode_as<K>(key, bytes);
    Result<std::optional<StoredRow>> found = row(store, Bytes(bytes), freshness);
    if (!found.ok()) return found.status();
    if (!*found) return std::optional<TypedRow<K, V>>();
    if (Status valid = validate_as<V>(Bytes((*found)->value)); !valid.ok()) return valid;
    return std::optional<TypedRow<K, V>>(**std::move(found));
  }
  /// A page of a store's rows, from all instances, by key. Needs the right `raw`.
  Result<RowsPage> rows(std::string_view store, const RowsQuestion& question);

  /// The same with key and value as JSON by the store's types, as the paths of `/v1/openapi.json`
  /// describe it. Needs the right `raw`, or `read` for stores that the application opens; then
  /// personal fields are hidden. Timers have pages only: without `prefix` by their time.
  Result<std::optional<std::string>> json_row(std::string_view store, Bytes key,
                                              const Freshness& freshness = {});
  Result<JsonPage> json_rows(std::string_view store, const RowsQuestion& question);

  /// A page of the rows that an index of a store finds, in the order of its values, each with
  /// `indexed`, its value; needs the right `raw`. Error: `kNotReady` while the index is built.
  Result<JsonPage> json_rows_by(std::string_view store, std::string_view index,
                                const IndexQuestion& question);
  /// The same of another path that asks an index: its answer has the objects in an array called
  /// `name`. `parameters` are those that the path takes beside the question's.
  Result<JsonPage> json_page(std::string_view path, const std::string& name,
                             std::map<std::string, std::string> parameters,
                             const IndexQuestion& question);

  /// Follows a path's changes: calls `take` for each event, until it returns false. When a
  /// connection ends or a server cannot answer now, it asks again from the last event, also other
  /// servers. An event may come again, and states in between may be missing; the latest is not.
  /// Errors: `kAborted`: `stop`; `kNotFound`: a 404; `kRetriable` and `kTimedOut` only when nobody
  /// answers at the beginning.
  Status watch(const WatchQuestion& question, const std::function<bool(const Event& event)>& take);

  /// The position after a record that a producer has acknowledged; answers then include it.
  Status include(std::string_view topic, int32_t partition, int64_t offset);
  /// All that answers have included so far, for another client's `include`.
  std::string position() const;
  Status include(std::string_view position);

 private:
  struct Impl;
  /// The body; nullopt: a 404.
  Result<std::optional<std::string>> ask_row(std::string_view store, Bytes key,
                                             const Freshness& freshness, const char* format);
  Result<std::string> ask_rows(std::string_view store, const RowsQuestion& question,
                               const char* format);
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::client
