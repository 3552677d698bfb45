// Snapshots over HTTP, as a peer sees them that asks for anything.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/snapshot/routes.h"
#include "tests/unit/snapshot/peer.h"
#include "tests/unit/snapshot/snapshot_fixture.h"

namespace millrace::engine::serve_test {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class ServeTest : public ::testing::Test {
 protected:
  ServeTest() : server_({.threads = 2, .anonymous = Rights::all()}) {
    make_files(directory_.path() / "checkpoint", {{"000001.sst", big_}, {"CURRENT", "0123456789"}});
    auto published = store_.publish(directory_.path() / "checkpoint", draft_at(kNowMs), {});
    EXPECT_TRUE(published.ok());
    manifest_ = *published;
    base_ = "/v1/snapshots/0_3/" + manifest_.snapshot + "/";
    add_snapshot_routes(server_, store_);
    const Result<int> port = server_.start();
    EXPECT_TRUE(port.ok());
    port_ = *port;
  }

  const std::string big_ = std::string(3'000'000, 'x') + "end";
  TempDirectory directory_;
  const SnapshotDirectory store_{directory_.path() / "snapshots", "me"};
  SnapshotManifest manifest_;
  std::string base_;
  QueryServer server_;
  int port_ = 0;
};

TEST_F(ServeTest, GivesTheManifestOfTheNewest) {
  const std::string answer = get(port_, "/v1/snapshots/0_3");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_EQ(body_of(answer), encode_manifest(manifest_));
  EXPECT_THAT(get(port_, "/v1/snapshots/0_4"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(get(port_, "/v1/snapshots/x"), StartsWith("HTTP/1.1 400"));
}

TEST_F(ServeTest, GivesFilesWholeAndFromAnyByte) {
  EXPECT_EQ(body_of(get(port_, base_ + "000001.sst")), big_);
  const std::string part = get(port_, base_ + "000001.sst", "Range: bytes=2999999-\r\n");
  EXPECT_THAT(part, AllOf(StartsWith("HTTP/1.1 206"), EndsWith("\r\n\r\nxend"),
                          HasSubstr("Content-Range: bytes 2999999-3000002/3000003\r\n")));
  EXPECT_EQ(body_of(get(port_, base_ + "CURRENT", "Range: bytes=2-4\r\n")), "234");
  EXPECT_EQ(body_of(get(port_, base_ + "CURRENT", "Range: bytes=2-99\r\n")), "23456789");
}

TEST_F(ServeTest, TellsARangeThatIsOutsideAndIgnoresOneThatIsNone) {
  EXPECT_THAT(get(port_, base_ + "CURRENT", "Range: bytes=10-\r\n"),
              AllOf(StartsWith("HTTP/1.1 416"), HasSubstr("Content-Range: bytes */10\r\n"),
                    EndsWith("\r\n\r\n")));
  for (const char* const range :
       {"bytes=-5", "bytes=5-2", "bytes=0-1,3-4", "lines=1-", "bytes=99999999999999999999-"}) {
    const std::string answer =
        get(port_, base_ + "CURRENT", std::string("Range: ") + range + "\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200")) << range;
    EXPECT_EQ(body_of(answer), "0123456789") << range;
  }
}

TEST_F(ServeTest, AnswersHeadWithTheSizeOnly) {
  const std::string answer = Wire(port_).ask("HEAD " + base_ +
                                             "000001.sst HTTP/1.1\r\nHost: localhost\r\n"
                                             "Connection: close\r\n\r\n");
  EXPECT_THAT(answer, AllOf(HasSubstr("Content-Length: 3000003\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(ServeTest, SeveralFilesOnOneConnection) {
  const std::string one = "GET " + base_ + "CURRENT HTTP/1.1\r\nHost: localhost\r\n";
  const std::string answers = Wire(port_).ask(one + "\r\n" + one + "Connection: close\r\n\r\n");
  const size_t first = answers.find("0123456789");
  ASSERT_NE(first, std::string::npos);
  EXPECT_NE(answers.find("0123456789", first + 1), std::string::npos);
}

TEST_F(ServeTest, NothingButTheFilesOfAManifestCanBeReached) {
  std::ofstream(directory_.path() / "snapshots" / "0_3" / manifest_.snapshot / "secret") << "s";
  const std::string task = "/v1/snapshots/0_3/";
  for (const std::string& target :
       {base_ + "secret", base_ + "manifest.json", base_ + "..%2F..%2Fsecret",
        base_ + "%2Fetc%2Fpasswd", base_ + "CURRENT%00", base_ + "..", base_ + ".",
        task + "..%2F0_3/CURRENT", task + "%2e%2e/CURRENT", task + "x/CURRENT",
        std::string("/v1/snapshots/..%2F0_3/x/CURRENT")}) {
    EXPECT_THAT(get(port_, target), StartsWith("HTTP/1.1 4")) << target;
  }
}

TEST_F(ServeTest, AFileThatIsNotWhatTheManifestSaysIsNotServed) {
  const fs::path file = store_.file_path(manifest_, *manifest_.find("CURRENT"));
  fs::resize_file(file, 5);
  EXPECT_THAT(get(port_, base_ + "CURRENT"), StartsWith("HTTP/1.1 404"));
  fs::remove(file);
  fs::create_symlink("/etc/hostname", file);
  EXPECT_THAT(get(port_, base_ + "CURRENT"), StartsWith("HTTP/1.1 404"));
}

TEST_F(ServeTest, WhatIsReadStaysThoughNewOnesCome) {
  EXPECT_THAT(get(port_, "/v1/snapshots/0_3"), StartsWith("HTTP/1.1 200"));
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(store_.publish(directory_.path() / "checkpoint", draft_at(kNowMs + i), {}).ok());
  }
  ASSERT_TRUE(store_.prune(kTask, 1).ok());
  EXPECT_THAT(store_.list(kTask), SizeIs(2));
  EXPECT_EQ(body_of(get(port_, base_ + "CURRENT")), "0123456789");
}

}  // namespace millrace::engine::serve_test
