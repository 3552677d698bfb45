#pragma once

#include <string>
#include <string_view>

#include "millrace/core/processor.h"

#include "child_update_generated.h"
#include "crm/children/child_projection.h"
#include "crm/model/encode.h"
#include "crm/model/version.h"

namespace millrace::crm {

/// A child under an account.
struct ChildPlace {
  std::string_view account;
  ChildKind kind = ChildKind::Contact;
  std::string_view child;
};

/// A child's entry at its account. Lives as long as the buffers it was read from.
struct ChildEntry {
  ChildPlace place;
  ChildProjection projection;
  VersionView version;  ///< of the newest change in the row
  VersionView since;    ///< of the change that named the account
};

/// REQUIRES: `update` is no retraction, and has its row and versions.
inline ChildEntry read_entry(const ChildUpdate& update) {
  return {.place = {.account = update.account()->string_view(),
                    .kind = update.kind(),
                    .child = update.child()->string_view()},
          .projection = project(*update.row(), update.kind()),
          .version = view_of(*update.version()),
          .since = view_of(*update.since())};
}

/// Writes ChildUpdates; keeps its buffers from record to record. Views die at the next call.
class ChildWriter {
 public:
  /// `root`: empty on the way to the account.
  Bytes entry(std::string_view root, const ChildEntry& entry) {
    builder_.Clear();
    const auto child = builder_.CreateString(entry.place.child);
    const auto version = write_version(builder_, entry.version);
    const auto since =
        entry.since == entry.version ? version : write_version(builder_, entry.since);
    const auto row = write_projection(builder_, child, entry.projection, version);
    return write(root, entry.place, child, {.version = version, .row = row, .since = since});
  }

  /// The entry as its root keeps it.
  Bytes mark(std::string_view root, const ChildPlace& place) {
    builder_.Clear();
    return write(root, place, builder_.CreateString(place.child), {});
  }

  Bytes retraction(std::string_view root, const ChildPlace& place) {
    builder_.Clear();
    return write(root, place, builder_.CreateString(place.child), {.retract = true});
  }

 private:
  struct Content {
    bool retract = false;
    flatbuffers::Offset<Version> version{};
    flatbuffers::Offset<AccountRow> row{};
    flatbuffers::Offset<Version> since{};
  };

  Bytes write(std::string_view root, const ChildPlace& place,
              flatbuffers::Offset<flatbuffers::String> child, const Content& content) {
    const auto root_offset = write_text(builder_, root);
    const auto account = builder_.CreateString(place.account);
    return finish_aligned(
        builder_, CreateChildUpdate(builder_, root_offset, account, place.kind, child,
                                    content.retract, content.version, content.row, content.since));
  }

  flatbuffers::FlatBufferBuilder builder_;
};

/// Sends ChildUpdates from accounts to roots.
class EntrySender {
 public:
  explicit EntrySender(ProcessorContext& context) : context_(context) {}

  /// `entry` is an update of `root`, and no view into a store.
  void add(std::string_view root, Bytes entry, int64_t timestamp_ms) {
    key_.assign(root);
    context_.forward({.key = key_,
                      .value = entry,
                      .old_value = {},
                      .timestamp_ms = timestamp_ms,
                      .headers = {}});
  }
  void retract(std::string_view root, const ChildPlace& place, int64_t timestamp_ms) {
    add(root, writer_.retraction(root, place), timestamp_ms);
  }

 private:
  ProcessorContext& context_;
  ChildWriter writer_;
  std::string key_;
};

}  // namespace millrace::crm
