#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crm/decode/decoder.h"
#include "crm/mapping/mapping.h"

namespace millrace::crm {

/// Timestamps of the first and last record of a kind, in ms since 1970; nullopt: there was none.
struct TimeSpan {
  std::optional<int64_t> first_ms{};
  std::optional<int64_t> last_ms{};
};

/// How often a value was refused, and why last. Reasons never quote the value.
struct RefusalFit {
  uint64_t count = 0;
  std::string last_reason{};
  TimeSpan times{};
};

struct FieldFit {
  std::string field;   ///< the source's name
  std::string name{};  ///< ours; empty: the mapping does not name the field
  bool is_personal = false;
  uint64_t seen = 0;   ///< records that had it, also as null, as unchanged or with a refused value
  uint64_t nulls = 0;  ///< of these; also parts of a compound that came whole
  TimeSpan times{};
  RefusalFit refused{};
};

struct EntityFit {
  std::string entity;  ///< the source's name
  EntityKind kind = EntityKind::kAccount;
  uint64_t records = 0;
  uint64_t images = 0;  ///< of these with fields: no deletes, gaps or truncates
  TimeSpan times{};
  std::vector<FieldFit> fields{};  ///< sorted by the source's name
};

struct UnknownEntityFit {
  std::string entity;
  uint64_t records = 0;
  TimeSpan times{};
};

/// How the records of one topic fit its mapping.
struct TopicFit {
  std::string topic;
  RawFormat format = RawFormat::kFlatbuffers;
  uint64_t records = 0;
  TimeSpan times{};
  RefusalFit invalid{};  ///< records that did not decode
  std::vector<EntityFit> entities{};
  std::vector<UnknownEntityFit> unknown_entities{};
  uint64_t unknown_left_out = 0;  ///< records of entities beyond the bound
};

/// Counts how mapping and topics fit, in all tasks of a process. Thread-safe: tasks count while
/// others read. Counts of mapped fields are atomic numbers; names that the mapping does not have,
/// and reasons, are under a lock, and bounded by `kNamesMax` a topic.
class MappingReport {
 public:
  /// Unknown entities of a topic, and fields without a mapping that were refused, that are counted
  /// by name.
  static constexpr size_t kNamesMax = 200;

  explicit MappingReport(const Mapping& mapping);

  /// Counts a record of the mapping's `topic`-th topic. REQUIRES: the mapping has it.
  void count(size_t topic, const Decoded& decoded, int64_t timestamp_ms);
  void count_null(size_t topic, int64_t timestamp_ms);
  /// `reason` never quotes the record.
  void count_invalid(size_t topic, std::string_view reason, int64_t timestamp_ms);

  /// The counts so far, in the mapping's order. Counts of one record may show in part.
  std::vector<TopicFit> topics() const;

 private:
  class Times {
   public:
    void add(int64_t timestamp_ms);
    TimeSpan span() const;

   private:
    std::atomic<int64_t> first_ms_ = std::numeric_limits<int64_t>::max();
    std::atomic<int64_t> last_ms_ = std::numeric_limits<int64_t>::min();
  };
  struct Field {
    std::string source_name;
    std::string name;
    bool is_personal = false;
    std::atomic<uint64_t> seen = 0;
    std::atomic<uint64_t> nulls = 0;
    Times times;
    RefusalFit refused;  ///< under the lock
  };
  struct Entity {
    EntityKind kind = EntityKind::kAccount;
    std::atomic<uint64_t> records = 0;
    std::atomic<uint64_t> images = 0;
    Times times;
    std::deque<Field> fields;
    std::map<std::string, RefusalFit, std::less<>> other_refusals;  ///< under the lock
  };
  struct Topic {
    std::string name;
    RawFormat format = RawFormat::kFlatbuffers;
    std::atomic<uint64_t> records = 0;
    Times times;
    std::map<std::string, Entity, std::less<>> entities;  ///< the names never change
    // Under the lock:
    RefusalFit invalid;
    std::map<std::string, UnknownEntityFit, std::less<>> unknown;
    uint64_t unknown_left_out = 0;
    size_t other_names = 0;
  };

  static Topic& begin(Topic& topic, int64_t timestamp_ms);
  static void count_fields(Entity& entity, const Change& change, int64_t timestamp_ms);
  void count_unknown(Topic& topic, std::string_view entity, int64_t timestamp_ms);
  void count_refusal(Topic& topic, Entity& entity, const FieldRefusal& refusal,
                     int64_t timestamp_ms);
  static EntityFit fit_of(const std::string& name, const Entity& entity);

  std::deque<Topic> topics_;
  mutable std::mutex mutex_;
};

}  // namespace millrace::crm
