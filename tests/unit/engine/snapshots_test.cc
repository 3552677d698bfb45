// Snapshots of tasks' state in instances: taken, served, downloaded, refused.
#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include <gmock/gmock.h>

#include "millrace/engine/metrics.h"
#include "millrace/engine/query_server.h"

#include "cluster.h"
#include "engine/snapshot/routes.h"
#include "small_topologies.h"
#include "tests/unit/snapshot/peer.h"

namespace millrace::engine::snapshots_test {

namespace fs = std::filesystem;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int kKeys = 20;
constexpr int64_t kIntervalMs = 10'000;
const TaskId kTask{0, 0};

Result<Topology> counting() {
  return scripted({.process = count_up, .with_store = true});
}

class Snapshots : public ::testing::Test {
 protected:
  explicit Snapshots(std::function<Result<Topology>()> topology = counting)
      : cluster_(std::move(topology), 1), kept_(cluster_.state_dir("kept")) {
    cluster_.options.snapshot_interval_ms = kIntervalMs;
  }

  /// Every round is a commit of its own.
  void pipe(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (int i = 0; i < kKeys; ++i) cluster_.pipe("left", key(i), "v");
      ++piped_;
      ASSERT_TRUE(settle());
    }
  }
  static std::string key(int i) { return "k" + std::to_string(i); }
  void expect_exactly_once() {
    const auto values = cluster_.values("out");
    std::vector<std::string> expected;
    for (int i = 1; i <= piped_; ++i) expected.push_back(std::to_string(i));
    for (int i = 0; i < kKeys; ++i) EXPECT_THAT(values.at(key(i)), ElementsAreArray(expected));
  }

  /// Whether `condition` came true within a time that only a hang exceeds.
  template <class Condition>
  bool turn_until(Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline || !cluster_.turn()) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool settle() {
    return cluster_.turn().ok() && turn_until([&] {
             bool is_settled = true;
             for (const std::string& name : names_) {
               is_settled =
                   is_settled && cluster_[name].is_idle() && !cluster_[name].has_uncommitted();
             }
             return is_settled;
           });
  }
  void start(const std::string& name) {
    ASSERT_TRUE(cluster_.start(name));
    names_.insert(name);
  }
  /// The instance ends, and its disk is lost.
  void lose(const std::string& name) {
    cluster_.kill(name);
    names_.erase(name);
    fs::remove_all(cluster_.state_dir(name));
  }
  double taken(const std::string& name) {
    return cluster_[name].metrics().snapshots_taken().value();
  }
  double downloaded(const std::string& name) {
    return cluster_[name].metrics().snapshots_downloaded().value();
  }
  double failed(const std::string& name) {
    return cluster_[name].metrics().snapshots_failed().value();
  }
  double restored(const std::string& name) {
    return cluster_[name].metrics().restored_records().value();
  }
  /// Of the latest commit.
  void take_snapshot(const std::string& name) {
    const double before = taken(name);
    for (int i = 0; i < 2; ++i) {
      cluster_.clock.advance(kIntervalMs + 1'000);
      ASSERT_TRUE(cluster_.turn());
    }
    ASSERT_TRUE(turn_until([&] {
      cluster_.clock.advance(100);  // outcomes are looked at about once a second
      return taken(name) > before;
    }));
  }
  /// State of five rounds, a snapshot after the fourth.
  void make_history(const std::string& name) {
    cluster_.options.snapshot_dir = kept_;
    start(name);
    pipe(4);
    take_snapshot(name);
    pipe(1);
  }
  SnapshotDirectory store() { return {kept_ / "app" / "snapshots", {}}; }
  std::optional<TaskInfo> task_of(const std::string& name) {
    const std::vector<TaskInfo> tasks = cluster_[name].queries().tasks();
    return tasks.empty() ? std::nullopt : std::optional<TaskInfo>(tasks.front());
  }
  bool has_caught_up(const std::string& name) {
    const auto task = task_of(name);
    return task && task->is_caught_up;
  }
  /// "a" runs the task and has a snapshot, which it says to offer at `endpoint`; "b" is to follow.
  void start_follower_of(const std::string& endpoint) {
    cluster_.options.standby_replicas = 1;
    cluster_.options.snapshot_dir = kept_;
    start("a");
    cluster_["a"].advertise(endpoint);
    pipe(4);
    take_snapshot("a");
    pipe(1);
    cluster_.options.snapshot_dir.clear();
    start("b");
  }

  Cluster cluster_;
  fs::path kept_;
  std::set<std::string> names_;
  int piped_ = 0;
};

TEST_F(Snapshots, AreTakenWhenDueAndPruned) {
  cluster_.options.snapshot_dir = kept_;
  cluster_.options.snapshot_retain = 2;
  start("a");
  for (int i = 1; i <= 4; ++i) {
    pipe(1);
    take_snapshot("a");
    EXPECT_EQ(taken("a"), i);
  }
  EXPECT_THAT(store().list(kTask), SizeIs(2));
  EXPECT_EQ(failed("a"), 0);
}

TEST_F(Snapshots, AreNotTakenWhereNothingWasCommittedSince) {
  make_history("a");
  take_snapshot("a");
  const auto before = store().list(kTask);
  for (int i = 0; i < 5; ++i) {
    cluster_.clock.advance(kIntervalMs + 1'000);
    ASSERT_TRUE(cluster_.turn(20));
  }
  EXPECT_EQ(store().list(kTask), before);
}

TEST_F(Snapshots, AreNotTakenWithoutADirectory) {
  start("a");
  pipe(1);
  cluster_.clock.advance(10 * kIntervalMs);
  ASSERT_TRUE(cluster_.turn(20));
  cluster_.clock.advance(10 * kIntervalMs);
  ASSERT_TRUE(cluster_.turn(20));
  EXPECT_EQ(taken("a"), 0);
  EXPECT_FALSE(fs::exists(kept_));
}

TEST_F(Snapshots, MayLieInTheDirectoryOfTheState) {
  kept_ = cluster_.state_dir("a");
  make_history("a");
  ASSERT_TRUE(cluster_["a"].close());
  cluster_.kill("a");
  start("a");
  ASSERT_TRUE(settle());
  EXPECT_EQ(restored("a"), 0);
  EXPECT_EQ(downloaded("a"), 0) << "the state is here";
  pipe(1);
  expect_exactly_once();
}

TEST_F(Snapshots, AnEmptyDiskStartsFromTheDirectoryAndReplaysTheTail) {
  make_history("a");
  lose("a");
  start("a");
  ASSERT_TRUE(settle());
  EXPECT_EQ(downloaded("a"), 1);
  EXPECT_GT(cluster_["a"].metrics().snapshot_downloaded_bytes().value(), 0);
  EXPECT_EQ(restored("a"), kKeys) << "what the fifth round changed";
  pipe(1);
  expect_exactly_once();
}

/// Keeps rows, and forwards the stream time.
Result<Topology> telling_stream_time() {
  return scripted({.process =
                       [](ProcessorContext& context, const Record& record) {
                         context.store("rows").put(record.key, record.value, record.timestamp_ms);
                         const std::string now = std::to_string(context.stream_time_ms());
                         Record output = record;
                         output.value = Bytes(now);
                         context.forward(output);
                       },
                   .with_store = true});
}

class SnapshotsAndTime : public Snapshots {
 protected:
  SnapshotsAndTime() : Snapshots(telling_stream_time) {}
};

/// The row of the earlier record comes with the snapshot, and the record is not read again.
TEST_F(SnapshotsAndTime, StreamTimeIsNoEarlierWhereATaskStartsFromASnapshot) {
  cluster_.options.snapshot_dir = kept_;
  start("a");
  cluster_.pipe("left", "k", "v", 100);
  ASSERT_TRUE(settle());
  take_snapshot("a");
  lose("a");
  start("a");
  ASSERT_TRUE(settle());
  EXPECT_EQ(downloaded("a"), 1);
  EXPECT_EQ(restored("a"), 0);
  cluster_.pipe("left", "k", "late", 5);
  ASSERT_TRUE(settle());
  EXPECT_THAT(cluster_.values("out")["k"], ElementsAreArray({"100", "100"}));
}

TEST_F(Snapshots, ATaskThatIsDownloadedIsShownAsRestoring) {
  make_history("a");
  lose("a");
  start("a");
  ASSERT_TRUE(turn_until([&] { return task_of("a").has_value(); }));
  EXPECT_EQ(task_of("a")->stage, TaskStage::kRestoring);
  EXPECT_FALSE(task_of("a")->is_caught_up);
  EXPECT_THAT(cluster_["a"].metrics().text(), HasSubstr("\nmillrace_restoring_tasks 1\n"));
  ASSERT_TRUE(settle());
  EXPECT_EQ(task_of("a")->stage, TaskStage::kRunning);
  EXPECT_THAT(cluster_["a"].metrics().text(), HasSubstr("\nmillrace_restoring_tasks 0\n"));
}

TEST_F(Snapshots, ADamagedOneIsRefusedAndTheChangelogRestores) {
  make_history("a");
  lose("a");
  const SnapshotManifest manifest = store().newest(kTask).value();
  for (const SnapshotFile& file : manifest.files) {
    if (file.size == 0) continue;  // RocksDB 9 adds its empty log, whose size must stay right
    std::fstream damaged(store().file_path(manifest, file),
                         std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(static_cast<std::streamoff>(file.size / 2));
    damaged.put('\x7f');
  }
  start("a");
  ASSERT_TRUE(settle());
  EXPECT_EQ(downloaded("a"), 0);
  EXPECT_EQ(failed("a"), 1);
  EXPECT_EQ(restored("a"), 5 * kKeys);
  pipe(1);
  expect_exactly_once();
}

TEST_F(Snapshots, OneOfAnotherLifeOfTheApplicationIsRefused) {
  make_history("a");
  Cluster other(counting, 1);
  other.options.snapshot_dir = kept_;
  ASSERT_TRUE(other.start("a"));
  other.pipe("left", "k", "v");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (other.values("out").empty() && std::chrono::steady_clock::now() < deadline) {
    ASSERT_TRUE(other.turn());
  }
  EXPECT_EQ(other["a"].metrics().snapshots_downloaded().value(), 0);
  EXPECT_EQ(other["a"].metrics().snapshots_failed().value(), 1);
  EXPECT_THAT(other.values("out")["k"], ElementsAreArray({"1"}));
}

TEST_F(Snapshots, AStandbyStartsFromAPeersAndTakesOver) {
  cluster_.options.standby_replicas = 1;
  cluster_.options.snapshot_dir = kept_;
  start("a");
  QueryServer server({.anonymous = Rights::all()});
  add_snapshot_routes(server, SnapshotDirectory(cluster_["a"].snapshot_directory(), {}));
  cluster_["a"].advertise("127.0.0.1:" + std::to_string(server.start().value()));
  pipe(4);
  take_snapshot("a");
  pipe(1);
  cluster_.options.snapshot_dir.clear();
  start("b");
  ASSERT_TRUE(turn_until([&] { return has_caught_up("b"); }));
  EXPECT_EQ(downloaded("b"), 1);
  EXPECT_EQ(task_of("b")->restore_records, kKeys) << "the tail";
  lose("a");
  pipe(1);
  expect_exactly_once();
}

TEST_F(Snapshots, OfPeersAreNotDownloadedWhereThatIsOff) {
  Peer peer([](const std::string&) { return http_answer("{}"); });
  cluster_.options.snapshot_peers = false;
  start_follower_of(peer.endpoint());
  ASSERT_TRUE(turn_until([&] { return has_caught_up("b"); }));
  EXPECT_THAT(peer.heads(), IsEmpty());
}

TEST_F(Snapshots, APeerThatIsGoneLeavesItToTheChangelog) {
  std::string endpoint;
  {
    const Peer gone([](const std::string&) { return std::string(); });
    endpoint = gone.endpoint();
  }
  start_follower_of(endpoint);
  ASSERT_TRUE(turn_until([&] { return has_caught_up("b"); }));
  EXPECT_EQ(failed("b"), 1);
  EXPECT_EQ(task_of("b")->restore_records, 5 * kKeys);
  lose("a");
  pipe(1);
  expect_exactly_once();
}

TEST_F(Snapshots, SoDoesAPeerThatTalksNonsense) {
  Peer peer([](const std::string&) { return http_answer("no manifest"); });
  start_follower_of(peer.endpoint());
  ASSERT_TRUE(turn_until([&] { return has_caught_up("b"); }));
  EXPECT_EQ(failed("b"), 1);
  EXPECT_THAT(peer.heads(), SizeIs(1));
}

/// A peer that answers at a test's signal, and then has nothing.
class HesitantPeer {
 public:
  HesitantPeer()
      : peer_([answer = may_answer_.get_future().share()](const std::string&) {
          answer.wait();
          return http_answer("{}", "404 Not Found");
        }) {}
  ~HesitantPeer() { answer(); }
  HesitantPeer(const HesitantPeer&) = delete;
  HesitantPeer& operator=(const HesitantPeer&) = delete;
  void answer() {
    if (!std::exchange(has_answered_, true)) may_answer_.set_value();
  }
  std::string endpoint() const { return peer_.endpoint(); }
  bool is_asked() const { return !peer_.heads().empty(); }
  size_t asked() const { return peer_.heads().size(); }

 private:
  std::promise<void> may_answer_;
  bool has_answered_ = false;
  Peer peer_;
};

TEST_F(Snapshots, LiveTasksGoOnWhileOneIsDownloadedAndARebalanceDoesNotStopIt) {
  HesitantPeer peer;
  start_follower_of(peer.endpoint());
  ASSERT_TRUE(turn_until([&] { return peer.is_asked(); }));
  for (int i = 0; i < kKeys; ++i) cluster_.pipe("left", key(i), "v");
  ++piped_;
  ASSERT_TRUE(turn_until([&] { return cluster_.values("out")[key(0)].size() == 6; }));
  start("c");
  const double rebalances = cluster_["b"].metrics().rebalances().value();
  ASSERT_TRUE(
      turn_until([&] { return cluster_["b"].metrics().rebalances().value() > rebalances; }));
  ASSERT_TRUE(cluster_.turn(20));
  EXPECT_EQ(task_of("b")->stage, TaskStage::kStandby);
  EXPECT_EQ(peer.asked(), 1U);
  peer.answer();
  ASSERT_TRUE(turn_until([&] { return has_caught_up("b"); }));
  EXPECT_EQ(failed("b"), 0) << "there was none";
  EXPECT_EQ(peer.asked(), 1U);
  expect_exactly_once();
}

TEST_F(Snapshots, OfATaskThatGoesElsewhereAreNotDownloadedAnyMore) {
  HesitantPeer peer;
  start_follower_of(peer.endpoint());
  ASSERT_TRUE(turn_until([&] { return peer.is_asked(); }));
  cluster_.options.snapshot_peers = false;
  start("c");
  cluster_["b"].drain();
  ASSERT_TRUE(turn_until([&] {
    cluster_.clock.advance(100);
    return has_caught_up("c") && cluster_["b"].is_drained();
  }));
  EXPECT_FALSE(task_of("b").has_value());
  expect_exactly_once();
}

TEST_F(Snapshots, AnInstanceClosesWhileOneIsDownloaded) {
  HesitantPeer peer;
  start_follower_of(peer.endpoint());
  ASSERT_TRUE(turn_until([&] { return peer.is_asked(); }));
  EXPECT_TRUE(cluster_["b"].close());
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(cluster_.state_dir("b") / "app")) {
    names.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(names, ElementsAreArray({"lock"}));
}

}  // namespace millrace::engine::snapshots_test
