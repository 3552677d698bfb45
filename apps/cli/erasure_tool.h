#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "crm/model/output_topic.h"
#include "engine/clients/clients.h"

namespace millrace::apps {

struct EraseOptions {
  std::vector<std::string> ids;  ///< in internal form `source:id`
  int64_t as_of_ms = 0;          ///< 0: now
};

/// Requests the erasure of ids, on topic `crm.erasures`. Errors: `kInvalidArgument` for an invalid
/// id; those of the clients.
Status send_erasures(const EraseOptions& options, engine::ClientFactory& clients);

/// Whether `bytes` (a key, or a value in which strings end with a zero byte) contain the whole
/// `id`.
bool mentions(Bytes bytes, std::string_view id);

/// The last mentions of an id in a compacted topic, from its records in order per key.
class MentionsInTopic {
 public:
  struct Mention {
    int32_t partition = 0;
    int64_t offset = 0;
    bool is_tombstone = false;  ///< an earlier record named it, and is deleted
    bool in_key = false;
    bool in_value = false;
  };

  explicit MentionsInTopic(std::string id) : id_(std::move(id)) {}
  void add(int32_t partition, int64_t offset, Bytes key, Bytes value);
  /// By key.
  const std::map<std::string, Mention>& found() const { return found_; }

 private:
  std::string id_;
  std::map<std::string, Mention> found_;
};

struct AuditOptions {
  std::string id;
  std::string application_id;
  std::string output_prefix{crm::kTopicPrefix};
  int64_t timeout_s = 60;
};

/// Reads every topic that the materializer derives, changelogs included, to its end and prints, as
/// JSON lines to stdout, where the id was written last: tombstones, and records that still name it.
/// Marks of erasures name it for ever, so that old changes are ignored when they come again.
Status audit_erasure(const AuditOptions& options, engine::ClientFactory& clients);

}  // namespace millrace::apps
