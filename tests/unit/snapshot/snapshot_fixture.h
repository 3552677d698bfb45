#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "millrace/state/task_state.h"

#include "engine/snapshot/manifest.h"
#include "engine/snapshot/snapshot_directory.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine {

inline const TaskId kTask{0, 3};
constexpr int64_t kNowMs = 1'700'000'000'000;

inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// A task's state on disk: rows "0", "1", … in the store "rows".
class State {
 public:
  explicit State(const std::filesystem::path& directory) {
    options_.directory = directory;
    options_.memory = make_shared_state_memory(8 << 20, 8 << 20);
    options_.incarnation = "cluster/topics";
    StoreSpec spec;
    spec.name = "rows";
    auto opened = TaskState::open(options_, std::vector<StoreSpec>{spec});
    EXPECT_TRUE(opened.ok());
    state_ = std::move(*opened);
  }
  void commit(int rows, char fill, int64_t offset) {
    for (int i = 0; i < rows; ++i) {
      state_->store("rows").put(std::to_string(i), std::string(100, fill), offset);
    }
    state_->freeze();
    TaskPositions positions;
    positions.changelog_end["rows"] = offset;
    positions.inputs[{"input", 3}] = offset * 10;
    positions.committed_at_ms = kNowMs;
    ASSERT_TRUE(state_->apply_frozen(positions).ok());
  }
  std::string text() {
    std::string text = std::to_string(state_->positions().changelog_end.at("rows"));
    const auto rows = state_->store("rows").range({}, {});
    for (; rows->valid(); rows->next()) {
      text += " " + rows->key().to_string() + "=" + rows->row().value.to_string();
    }
    return text;
  }
  TaskState& operator*() { return *state_; }
  TaskState* operator->() { return state_.get(); }

 private:
  TaskStateOptions options_;
  std::unique_ptr<TaskState> state_;
};

inline SnapshotManifest draft_at(int64_t created_at_ms) {
  SnapshotManifest draft;
  draft.application_id = "crm";
  draft.task = kTask;
  draft.incarnation = "cluster/topics";
  draft.changelog_end["rows"] = 7;
  draft.committed_at_ms = kNowMs;
  draft.created_at_ms = created_at_ms;
  return draft;
}

/// A task directory with files of these contents, which no database need be able to read.
inline void make_files(const std::filesystem::path& directory,
                       const std::vector<std::pair<std::string, std::string>>& files) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(state_files(directory));
  for (const auto& [name, content] : files) {
    std::ofstream(state_files(directory) / name, std::ios::binary) << content;
  }
}

/// Whether `condition` came true within a time that only a hang exceeds.
template <class Condition>
bool eventually(Condition&& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace millrace::engine
