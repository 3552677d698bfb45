#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "millrace/state/task_state.h"

#include "tests/unit/temp_directory.h"

namespace millrace {

/// Copies the remains that a crash at this moment would leave of a state directory: a copy between
/// two changes of the database's files, though its threads keep running.
inline void copy_as_a_crash(const std::filesystem::path& from, const std::filesystem::path& to) {
  namespace fs = std::filesystem;
  const auto is_list = [](const fs::path& file) {
    const std::string name = file.filename().string();
    return name == "CURRENT" || name.starts_with("MANIFEST");
  };
  for (int attempt = 0; attempt < 1000; ++attempt) {
    std::error_code vanished;
    fs::remove_all(to);
    fs::create_directories(to / "db");
    std::vector<std::pair<fs::path, uintmax_t>> lists;
    for (const bool lists_now : {true, false}) {  // the files after the lists that name them
      for (const auto& entry : fs::directory_iterator(from / "db")) {
        if (is_list(entry.path()) != lists_now) continue;
        const fs::path copy = to / "db" / entry.path().filename();
        fs::copy_file(entry.path(), copy, vanished);
        if (lists_now) lists.emplace_back(entry.path(), fs::file_size(copy, vanished));
      }
    }
    if (std::all_of(lists.begin(), lists.end(), [&](const auto& list) {
          return fs::file_size(list.first, vanished) == list.second;
        })) {
      return;
    }
  }
  FAIL() << "the database does not rest";
}

using RowText = std::pair<std::string, int64_t>;  // value, timestamp
using Content = std::map<std::string, RowText, std::less<>>;

inline StoreSpec spec(std::string name) {
  StoreSpec out;
  out.name = std::move(name);
  return out;
}

inline TaskStateOptions disk_options(const std::filesystem::path& directory) {
  TaskStateOptions options;
  options.directory = directory;
  options.memory = make_shared_state_memory(8 << 20, 8 << 20);
  options.incarnation = "cluster/topics";
  return options;
}

inline std::unique_ptr<TaskState> open_or_die(const TaskStateOptions& options,
                                              const std::vector<StoreSpec>& stores) {
  auto opened = TaskState::open(options, stores);
  if (!opened.ok()) {
    ADD_FAILURE() << opened.message();
    std::abort();
  }
  return std::move(*opened);
}

inline std::optional<RowText> lookup(KeyValueStore& store, Bytes key) {
  const Row row = store.get(key);
  if (!row) return std::nullopt;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(row.value.data()) % 8, 0U);
  return RowText{row.value.to_string(), row.timestamp_ms};
}

inline Content drain(StoreIterator& rows) {
  Content content;
  std::string last;
  for (bool first = true; rows.valid(); rows.next(), first = false) {
    const std::string key = rows.key().to_string();
    EXPECT_TRUE(first || last < key) << "keys ascend";
    EXPECT_EQ(reinterpret_cast<uintptr_t>(rows.row().value.data()) % 8, 0U);
    content[key] = {rows.row().value.to_string(), rows.row().timestamp_ms};
    last = key;
  }
  return content;
}

inline Content content_of(KeyValueStore& store) {
  return drain(*store.range({}, {}));
}

inline Content committed(const TaskState& state, std::string_view name) {
  Content content;
  const Status status = state.reader(name)->scan({}, [&](Bytes key, Row row) {
    content[key.to_string()] = {row.value.to_string(), row.timestamp_ms};
    return true;
  });
  EXPECT_TRUE(status.ok());
  return content;
}

inline TaskPositions positions_at(int64_t offset, const std::string& store = "rows",
                                  int64_t committed_at_ms = 1000) {
  TaskPositions positions;
  positions.changelog_end[store] = offset;
  positions.inputs[{"input", 3}] = offset * 10;
  positions.committed_at_ms = committed_at_ms;
  return positions;
}

/// One commit of what is dirty.
inline void commit(TaskState& state, int64_t offset, const std::string& store = "rows") {
  state.freeze();
  const Status status = state.apply_frozen(positions_at(offset, store));
  ASSERT_TRUE(status.ok()) << status.message();
}

}  // namespace millrace
