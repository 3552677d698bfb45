// Downloading a snapshot from honest, dying and hostile peers.
#include "engine/snapshot/download.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/snapshot/routes.h"
#include "tests/unit/snapshot/peer.h"
#include "tests/unit/snapshot/snapshot_fixture.h"

namespace millrace::engine::download_test {

namespace fs = std::filesystem;

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class DownloadTest : public ::testing::Test {
 protected:
  DownloadTest() {
    expected_.application_id = "crm";
    expected_.task = kTask;
    expected_.incarnation = "cluster/topics";
    expected_.now_ms = kNowMs + 1000;
    expected_.max_age_ms = 60'000;
    fs::create_directories(root_);
  }
  /// A snapshot of a state at a commit of 3000 rows.
  void publish() {
    state_.emplace(directory_.path() / "live");
    state_->commit(3000, 'a', 7);
    publish_checkpoint();
  }
  void publish_checkpoint() {
    const fs::path checkpoint = directory_.path() / "checkpoint";
    fs::remove_all(checkpoint);
    const auto positions = (*state_)->checkpointer()->checkpoint(checkpoint);
    ASSERT_TRUE(positions.ok()) << positions.message();
    const auto published = store_.publish(checkpoint, draft_at(kNowMs), {});
    ASSERT_TRUE(published.ok()) << published.message();
    manifest_ = *published;
  }
  Result<SnapshotManifest> download(const std::string& endpoint) {
    auto origin = open_http_origin(endpoint, timeouts_, stop_.get_token());
    if (!origin.ok()) return origin.status();
    return download_snapshot(**origin, expected_, into_, progress_, stop_.get_token());
  }
  ErrorCode download_code(const std::string& endpoint) {
    const Result<SnapshotManifest> downloaded = download(endpoint);
    return downloaded.ok() ? ErrorCode::kInternal : downloaded.code();
  }
  void expect_nothing_left() const { EXPECT_THAT(names_in(root_), UnorderedElementsAre()); }
  /// The answer of an honest peer.
  std::string honest(const std::string& head) const {
    const std::string target = head.substr(4, head.find(" HTTP") - 4);
    if (target == "/v1/snapshots/0_3") return http_answer(encode_manifest(manifest_));
    const SnapshotFile* const file = manifest_.find(target.substr(target.rfind('/') + 1));
    if (file == nullptr) return http_answer("", "404 Not Found");
    const std::string content = content_of(store_.file_path(manifest_, *file));
    const size_t range = head.find("Range: bytes=");
    if (range == std::string::npos) return http_answer(content);
    const size_t offset = std::stoul(head.substr(range + 13));
    const std::string size = std::to_string(content.size());
    return http_answer(content.substr(offset), "206 Partial Content",
                       "Content-Range: bytes " + std::to_string(offset) + "-" +
                           std::to_string(content.size() - 1) + "/" + size + "\r\n");
  }
  static bool is_table(const std::string& head) {
    return head.find(".sst HTTP") != std::string::npos;
  }

  TempDirectory directory_;
  const fs::path root_ = directory_.path() / "state";
  const fs::path into_ = root_ / "0_3";
  const SnapshotDirectory store_{directory_.path() / "snapshots", "me"};
  std::optional<State> state_;
  SnapshotManifest manifest_;
  SnapshotExpectation expected_;
  HttpTimeouts timeouts_;
  DownloadProgress progress_;
  std::stop_source stop_;
};

TEST_F(DownloadTest, WhatArrivesFromAPeerOpensAsTheSameState) {
  publish();
  QueryServer server({.threads = 2, .anonymous = Rights::all()});
  add_snapshot_routes(server, store_);
  const Result<int> port = server.start();
  ASSERT_TRUE(port.ok());
  uint64_t done = 0;
  uint64_t total = 0;
  progress_ = [&](uint64_t now, uint64_t all) { std::tie(done, total) = std::pair(now, all); };
  const std::string before = state_->text();
  state_->commit(10, 'b', 8);

  const auto downloaded = download("127.0.0.1:" + std::to_string(*port));
  ASSERT_TRUE(downloaded.ok()) << downloaded.message();
  EXPECT_EQ(encode_manifest(*downloaded), encode_manifest(manifest_));
  EXPECT_EQ(done, manifest_.bytes());
  EXPECT_EQ(total, manifest_.bytes());
  EXPECT_THAT(names_in(root_), UnorderedElementsAre("0_3"));
  State copy(into_);
  EXPECT_EQ(copy.text(), before);
  EXPECT_EQ(copy->positions().inputs.at({"input", 3}), 70);
}

TEST_F(DownloadTest, WhatArrivesFromADirectoryOpensAsTheSameState) {
  publish();
  const auto origin = open_directory_origin(directory_.path() / "snapshots", {});
  const auto downloaded = download_snapshot(*origin, expected_, into_, {}, {});
  ASSERT_TRUE(downloaded.ok()) << downloaded.message();
  EXPECT_EQ(State(into_).text(), state_->text());
}

TEST_F(DownloadTest, ATransferThatBreaksGoesOnFromTheByteReached) {
  publish();
  int breaks = 0;
  Peer peer([&](const std::string& head) {
    const std::string answer = honest(head);
    if (!is_table(head) || breaks == 3) return answer;
    ++breaks;
    return answer.substr(0, answer.size() - body_of(answer).size() + 1000);
  });
  const auto downloaded = download(peer.endpoint());
  ASSERT_TRUE(downloaded.ok()) << downloaded.message();
  EXPECT_EQ(breaks, 3);
  for (const char* const range : {"bytes=1000-", "bytes=2000-", "bytes=3000-"}) {
    EXPECT_THAT(peer.heads(), Contains(HasSubstr(range)));
  }
  EXPECT_EQ(State(into_).text(), state_->text());
}

TEST_F(DownloadTest, APeerThatDiesHalfWayLeavesNothing) {
  publish();
  Peer* dying = nullptr;
  Peer peer([&](const std::string& head) {
    const std::string answer = honest(head);
    if (!is_table(head)) return answer;
    dying->die();
    return answer.substr(0, answer.size() / 2);
  });
  dying = &peer;
  EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kRetriable);
  expect_nothing_left();
}

TEST_F(DownloadTest, APeerThatFallsSilentIsGivenUp) {
  publish();
  timeouts_.piece_ms = 50;
  Peer peer([&](const std::string& head) { return is_table(head) ? std::string() : honest(head); });
  EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kTimedOut);
  expect_nothing_left();
}

TEST_F(DownloadTest, APeerThatBreaksForeverIsGivenUp) {
  publish();
  Peer peer([&](const std::string& head) {
    const std::string answer = honest(head);
    return is_table(head) ? answer.substr(0, answer.size() - body_of(answer).size() + 1) : answer;
  });
  EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kRetriable);
  EXPECT_LT(peer.heads().size(), 100U);
  expect_nothing_left();
}

TEST_F(DownloadTest, WrongBytesAreRefused) {
  publish();
  const std::vector<Peer::Script> scripts{
      [&](const std::string& head) {  // one bit
        std::string answer = honest(head);
        if (is_table(head)) answer.back() = static_cast<char>(answer.back() ^ 1);
        return answer;
      },
      [&](const std::string& head) {  // garbage of the right size
        const std::string answer = honest(head);
        return is_table(head) ? http_answer(std::string(body_of(answer).size(), '!')) : answer;
      },
      [&](const std::string& head) {  // too short
        return is_table(head) ? http_answer(body_of(honest(head)).substr(1)) : honest(head);
      },
      [&](const std::string& head) {  // too long
        return is_table(head) ? http_answer(body_of(honest(head)) + "!") : honest(head);
      },
      [&](const std::string& head) {  // without an end
        return is_table(head) ? "HTTP/1.1 200 OK\r\n\r\n" + body_of(honest(head)) : honest(head);
      },
      [&](const std::string& head) {  // in chunks
        return is_table(head) ? std::string(
                                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    "4\r\nabcd\r\n0\r\n\r\n")
                              : honest(head);
      },
      [&](const std::string& head) {  // another part
        return is_table(head) ? http_answer(body_of(honest(head)), "206 Partial Content",
                                            "Content-Range: bytes 5-9/10\r\n")
                              : honest(head);
      },
      [&](const std::string& head) {
        return is_table(head) ? std::string(100'000, '\x16') : honest(head);
      },
      [&](const std::string& head) {
        return is_table(head) ? "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') : honest(head);
      },
      [&](const std::string& head) {
        return is_table(head) ? http_answer("", "302 Found", "Location: http://localhost/\r\n")
                              : honest(head);
      },
  };
  for (size_t i = 0; i < scripts.size(); ++i) {
    Peer peer(scripts[i]);
    EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kInvalidRecord) << i;
    expect_nothing_left();
  }
}

TEST_F(DownloadTest, AManifestThatIsNoneIsRefused) {
  publish();
  SnapshotManifest evil = manifest_;
  evil.files[0].name = "../../../evil";
  for (const std::string& body :
       {encode_manifest(evil), std::string("{}"), std::string(), std::string(2 << 20, '['),
        encode_manifest(manifest_).substr(1)}) {
    Peer peer([&](const std::string&) { return http_answer(body); });
    EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kInvalidRecord);
    EXPECT_EQ(peer.heads().size(), 1U);
    expect_nothing_left();
  }
}

TEST_F(DownloadTest, ASnapshotOfSomethingElseIsRefused) {
  publish();
  Peer peer([&](const std::string& head) { return honest(head); });
  const SnapshotExpectation right = expected_;
  const std::vector<std::function<void()>> wrong{
      [&] { expected_.application_id = "other"; },
      [&] { expected_.incarnation = "cluster/other topics"; },
      [&] { expected_.now_ms = kNowMs + expected_.max_age_ms + 1; },
      [&] { expected_.now_ms = kNowMs - 3'600'000; },
      [&] { expected_.bytes_max = manifest_.bytes() - 1; },
  };
  for (size_t i = 0; i < wrong.size(); ++i) {
    expected_ = right;
    wrong[i]();
    EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kInvalidRecord) << i;
    expect_nothing_left();
  }
  manifest_.task = {0, 4};
  expected_ = right;
  EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kInvalidRecord);
  EXPECT_EQ(peer.heads().size(), wrong.size() + 1);
}

TEST_F(DownloadTest, MoreThanTheDiskHoldsIsNotBegun) {
  publish();
  manifest_.files.clear();
  for (int i = 0; i < 1000; ++i) {
    manifest_.files.push_back(
        {std::to_string(100'000 + i) + ".sst", kSnapshotFileBytesMax, std::string(32, 'a')});
  }
  expected_.bytes_max = ~uint64_t{0};
  Peer peer([&](const std::string& head) { return honest(head); });
  EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kStoreIo);
  EXPECT_EQ(peer.heads().size(), 1U);
}

TEST_F(DownloadTest, ASnapshotThatGoesMeanwhileIsNotFound) {
  publish();
  Peer peer([&](const std::string& head) {
    return is_table(head) ? http_answer("", "404 Not Found") : honest(head);
  });
  EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kNotFound);
  expect_nothing_left();
}

TEST_F(DownloadTest, StartsAnewOverWhatACrashLeft) {
  publish();
  make_files(root_ / "0_3.partial", {{manifest_.files[0].name, "half"}, {"LOCK", ""}});
  Peer peer([&](const std::string& head) { return honest(head); });
  ASSERT_TRUE(download(peer.endpoint()).ok());
  EXPECT_THAT(names_in(root_), UnorderedElementsAre("0_3"));
  EXPECT_EQ(State(into_).text(), state_->text());
}

TEST_F(DownloadTest, StopsWhenAsked) {
  publish();
  Peer peer([&](const std::string& head) {
    if (!is_table(head)) return honest(head);
    stop_.request_stop();
    return std::string();
  });
  EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kAborted);
  expect_nothing_left();
}

TEST_F(DownloadTest, StopsBetweenTwoPieces) {
  publish();
  Peer peer([&](const std::string& head) { return honest(head); });
  progress_ = [&](uint64_t, uint64_t) { stop_.request_stop(); };
  EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kAborted);
  expect_nothing_left();
}

TEST_F(DownloadTest, WhatIsThereAlreadyIsLeftAlone) {
  publish();
  make_files(into_, {{"CURRENT", "a state in use"}});
  Peer peer([&](const std::string& head) { return honest(head); });
  EXPECT_EQ(download_code(peer.endpoint()), ErrorCode::kStoreIo);
  EXPECT_EQ(content_of(state_files(into_) / "CURRENT"), "a state in use");
  EXPECT_THAT(names_in(root_), UnorderedElementsAre("0_3"));
}

TEST_F(DownloadTest, AnEndpointIsAHostAndAPort) {
  for (const char* const endpoint :
       {"", "host", "host:", ":80", "host:0", "host:65536", "host:80/x", "a b:80", "a\r\nb:80",
        "http://host:80", "user@host:80", "[::1:80", "host:-1"}) {
    EXPECT_EQ(download_code(endpoint), ErrorCode::kInvalidArgument) << endpoint;
  }
  EXPECT_TRUE(open_http_origin("crm-1.example.org:8080", {}, {}).ok());
  EXPECT_TRUE(open_http_origin("[::1]:8080", {}, {}).ok());
}

}  // namespace millrace::engine::download_test
