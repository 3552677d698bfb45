#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

namespace millrace {

namespace engine {
class File;
}

/// Something that a caller may be allowed to do.
enum class Right : unsigned char {
  kNone,      ///< needs no right: probes, documents
  kRead,      ///< ask; personal fields are hidden
  kPersonal,  ///< see personal fields
  kRaw,       ///< read all rows and snapshots, as bytes too, which hold everything in clear
  kOperate,   ///< pause, resume, drain
  kPeer,      ///< be another instance of the application; no token gives that
};
/// "none", "read", "personal", "raw", "operate", "peer".
std::string_view to_string(Right right);

class Rights {
 public:
  constexpr Rights() = default;
  constexpr Rights(std::initializer_list<Right> rights) {
    for (const Right right : rights) add(right);
  }
  static constexpr Rights all() {
    return {Right::kRead, Right::kPersonal, Right::kRaw, Right::kOperate};
  }
  constexpr void add(Right right) { bits_ |= bit(right); }
  constexpr bool has(Right right) const { return (bits_ & bit(right)) != 0; }
  constexpr bool empty() const { return bits_ == bit(Right::kNone); }
  friend bool operator==(const Rights&, const Rights&) = default;

 private:
  static constexpr unsigned bit(Right right) { return 1U << static_cast<unsigned>(right); }
  unsigned bits_ = bit(Right::kNone);
};

enum class HttpMethod : unsigned char {
  kGet,   ///< HEAD too
  kPost,  ///< refused when a web page asks
};

/// A request that fits its route: parsed, percent-decoded and checked against the route's
/// parameters. A text may contain any bytes.
struct HttpRequest {
  std::vector<std::string> arguments{};             ///< for each `{…}` of the route, in order
  std::map<std::string, std::string> parameters{};  ///< of the query string
  std::string body{};
  Rights rights{};              ///< of the caller
  std::string caller{};         ///< name of his token, or "instance <name>"; empty: neither
  std::string last_event_id{};  ///< header Last-Event-ID; empty: none
  /// When the caller stops waiting.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();

  /// Value of a parameter; null when the request has none.
  const std::string* find(const std::string& parameter) const;
  /// Value of a parameter that its route declares as an integer.
  std::optional<int64_t> integer(const std::string& parameter) const;
};

/// The header of `HttpAnswer::position`.
inline constexpr const char* kPositionHeader = "Millrace-Position";

/// One of a stream of server-sent events.
struct HttpEvent {
  std::string name{};
  std::string id{};  ///< to continue from after it; empty: the last one stays
  std::string data{};
};

/// Makes the events of one stream. The server calls its methods one after the other, and holds one
/// event at most.
class HttpEventSource {
 public:
  struct Made {
    std::optional<HttpEvent> event{};
    bool is_last = false;                   ///< the stream ends after it
    std::chrono::milliseconds again_in{0};  ///< to try again, even when nobody wakes; 0: no need
  };
  virtual ~HttpEventSource() = default;

  /// Called once, first. `wake` may be called from any thread while this lives: `make` has to look
  /// again.
  virtual void start(std::function<void()> wake) = 0;
  /// The next event, if there is one. May wait for other instances.
  virtual Made make() = 0;
  /// The id from which a stream without an event continues.
  virtual std::string first_id() const = 0;
};

struct HttpAnswer {
  unsigned status = 200;
  std::string body{};
  std::string content_type = "application/json";
  std::string allow{};     ///< of a 405: the methods that the path takes
  std::string position{};  ///< token of the state that it comes from, in a header; empty: none
  /// Instead of `body`: sent piece by piece, the part that the request's `Range: bytes=…` names.
  std::shared_ptr<const engine::File> file{};
  /// Instead of `body`: events as they come, until the caller goes, or the server stops.
  std::shared_ptr<HttpEventSource> events{};
  /// Kept until the answer was sent.
  std::shared_ptr<void> held{};
  /// Instead of the rest: makes the answer on a thread that may wait for others.
  std::function<HttpAnswer()> later{};
  /// Instead of the rest: takes a function that it calls once with the answer, from any thread, at
  /// `HttpRequest::deadline` the latest.
  std::function<void(std::function<void(HttpAnswer)>)> promised{};
};

/// Opens a regular file for `HttpAnswer::file`; the answer sends what it holds at this moment, also
/// when its name is removed. Errors: `kNotFound`; `kStoreIo`, also for a symbolic link.
Result<std::shared_ptr<const engine::File>> open_file(const std::filesystem::path& path);

/// Answers a caller without the right: 403, or 401 if the caller is unknown.
HttpAnswer lacks_right(Right needed, bool is_known);
/// `{"error": message}`; bytes of `message` that are not UTF-8 are replaced.
HttpAnswer error_answer(unsigned status, std::string_view message);
/// The status that fits the code (404 `kNotFound`, 503 `kRetriable`, …) with the error's message.
HttpAnswer error_answer(const Error& error);

/// A parameter of a route: of its path, in the order of the `{…}`, or of the query string.
struct HttpParameter {
  enum class Type : unsigned char { kString, kInteger, kChoice };
  std::string name{};
  std::string meaning{};
  Type type = Type::kString;
  bool is_required = false;
  size_t length_max = 4096;                           ///< bytes of a string
  int64_t min = std::numeric_limits<int64_t>::min();  ///< of an integer
  int64_t max = std::numeric_limits<int64_t>::max();
  std::vector<std::string> choices{};
  /// A regular expression (ECMA 262) for the strings that the handler takes; for the document only.
  std::string pattern{};
};

/// One entry of the table that routes requests and that `/v1/openapi.json` describes. The server
/// answers 400 to a request whose parameters do not fit, so the handler need not check them.
struct HttpRoute {
  using Handler = std::function<HttpAnswer(const HttpRequest&)>;

  HttpMethod method = HttpMethod::kGet;
  /// "/v1/accounts/{id}": each `{…}` stands for one non-empty segment.
  std::string pattern{};
  Right right = Right::kRead;
  Right or_right = Right::kNone;  ///< another one that is enough; kNone: none is
  std::string summary{};          ///< a sentence
  std::vector<HttpParameter> parameters{};
  /// Statuses beside 200 and those that the server gives, with their reason.
  std::map<unsigned, std::string> errors{};
  std::string content_type = "application/json";
  std::string answer_schema{};  ///< JSON Schema of a JSON answer; empty: any object
  std::string body_meaning{};   ///< what a body holds, JSON; empty: the route takes none
  std::string body_schema{};    ///< JSON Schema of a body; empty: any object
  size_t body_bytes_max = 0;
  /// Reads many rows: the server answers so many of these at a time, and 503 to others.
  bool is_scan = false;
  bool is_vital = false;  ///< answered also when the server has no connection left for others
  /// Runs on the server's threads and must not wait for anybody there, see `HttpAnswer::later`; an
  /// exception gives a 500.
  Handler handler{};
};

}  // namespace millrace
