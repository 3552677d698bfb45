#include "engine/snapshot/manifest.h"

#include <filesystem>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/snapshot/digest.h"
#include "tests/unit/mutator.h"
#include "tests/unit/snapshot/snapshot_fixture.h"

namespace millrace::engine::manifest_test {

const std::string kSomeDigest(kDigestDigits, 'a');

SnapshotManifest some_manifest() {
  SnapshotManifest manifest = draft_at(kNowMs);
  manifest.snapshot = make_snapshot_id(kNowMs);
  manifest.files = {{"000012.sst", 4096, kSomeDigest}, {"CURRENT", 16, kSomeDigest}};
  return manifest;
}

ErrorCode decoded_code(const std::string& text) {
  const Result<SnapshotManifest> decoded = decode_manifest(text);
  return decoded.ok() ? ErrorCode::kInternal : decoded.code();
}

TEST(Manifest, SurvivesItsText) {
  const SnapshotManifest manifest = some_manifest();
  const Result<SnapshotManifest> decoded = decode_manifest(encode_manifest(manifest));
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  EXPECT_EQ(decoded->application_id, "crm");
  EXPECT_EQ(decoded->task, kTask);
  EXPECT_EQ(decoded->snapshot, manifest.snapshot);
  EXPECT_EQ(decoded->incarnation, manifest.incarnation);
  EXPECT_EQ(decoded->changelog_end, manifest.changelog_end);
  EXPECT_EQ(decoded->committed_at_ms, kNowMs);
  EXPECT_EQ(decoded->bytes(), 4112U);
  ASSERT_NE(decoded->find("CURRENT"), nullptr);
  EXPECT_EQ(decoded->find("CURRENT")->digest, kSomeDigest);
  EXPECT_EQ(decoded->find("CURREN"), nullptr);
}

// The checksum of all of these is right: whoever wrote them meant it.
TEST(Manifest, RefusesWhatAHostilePeerCouldSay) {
  const std::vector<std::pair<const char*, std::function<void(SnapshotManifest&)>>> changes{
      {"parent", [](auto& m) { m.files[0].name = "../000012.sst"; }},
      {"absolute", [](auto& m) { m.files[0].name = "/etc/passwd"; }},
      {"dots", [](auto& m) { m.files[0].name = ".."; }},
      {"empty name", [](auto& m) { m.files[0].name = ""; }},
      {"other name", [](auto& m) { m.files[0].name = "authorized_keys"; }},
      {"nul", [](auto& m) { m.files[0].name = std::string("1.sst\0", 6); }},
      {"twice", [](auto& m) { m.files[1] = m.files[0]; }},
      {"order", [](auto& m) { std::swap(m.files[0], m.files[1]); }},
      {"no files", [](auto& m) { m.files.clear(); }},
      {"size", [](auto& m) { m.files[0].size = kSnapshotFileBytesMax + 1; }},
      {"overflow", [](auto& m) { m.files[0].size = ~uint64_t{0}; }},
      {"digest", [](auto& m) { m.files[0].digest = "00"; }},
      {"snapshot", [](auto& m) { m.snapshot = "../../0_1"; }},
      {"application", [](auto& m) { m.application_id = "../crm"; }},
      {"negative end", [](auto& m) { m.changelog_end["rows"] = -1; }},
      {"negative time", [](auto& m) { m.committed_at_ms = -1; }},
      {"incarnation", [](auto& m) { m.incarnation.assign(10'000, 'x'); }},
      {"too many files",
       [](auto& m) {
         m.files.clear();
         for (size_t i = 0; i <= kSnapshotFilesMax; ++i) {
           m.files.push_back({std::to_string(100'000 + i) + ".sst", 1, kSomeDigest});
         }
       }},
  };
  for (const auto& [what, change] : changes) {
    SnapshotManifest manifest = some_manifest();
    change(manifest);
    EXPECT_EQ(decoded_code(encode_manifest(manifest)), ErrorCode::kInvalidRecord) << what;
  }
}

TEST(Manifest, RefusesEveryChangedByte) {
  const std::string text = encode_manifest(some_manifest());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(decoded_code(changed), ErrorCode::kInvalidRecord) << i;
    EXPECT_EQ(decoded_code(text.substr(0, i)), ErrorCode::kInvalidRecord) << i;
  }
}

TEST(Manifest, HasOneSpelling) {
  const std::string text = encode_manifest(some_manifest());
  EXPECT_EQ(decoded_code(text + " "), ErrorCode::kInvalidRecord);
  EXPECT_EQ(decoded_code("{\"more\":1," + text.substr(1)), ErrorCode::kInvalidRecord);
  EXPECT_EQ(decoded_code("{\"format\":1," + text.substr(1)), ErrorCode::kInvalidRecord);
}

TEST(Manifest, RefusesNonsenseOfAnySizeAndDepth) {
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("{}"), std::string("[1]"),
        std::string(kManifestBytesMax, '['), std::string(kManifestBytesMax + 1, ' '),
        "{\"files\":" + std::string(500'000, '[') + std::string(500'000, ']') + "}"}) {
    EXPECT_EQ(decoded_code(text), ErrorCode::kInvalidRecord);
  }
}

/// The text with the checksum that belongs to the rest of it.
std::string with_checksum(const std::string& text) {
  nlohmann::json object = nlohmann::json::parse(text, nullptr, false);
  if (!object.is_object()) return text;
  object.erase("checksum");
  const auto spelled = [&object] {
    return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  Digest digest;
  digest.update(spelled());
  object["checksum"] = digest.hex();
  return spelled();
}

/// Whether a downloader can work with it and touches nothing outside its directory.
void expect_sound(const SnapshotManifest& manifest, const std::string& text) {
  EXPECT_TRUE(is_snapshot_id(manifest.snapshot)) << text;
  EXPECT_GE(snapshot_time_ms(manifest.snapshot), 0) << text;
  EXPECT_GE(manifest.task.sub_topology, 0) << text;
  EXPECT_GE(manifest.task.partition, 0) << text;
  for (const auto& [store, end] : manifest.changelog_end) EXPECT_GE(end, 0) << text;
  EXPECT_LE(manifest.files.size(), kSnapshotFilesMax);
  for (const SnapshotFile& file : manifest.files) {
    EXPECT_EQ(std::filesystem::path(file.name).filename(), file.name) << text;
    EXPECT_NE(file.name, "..") << text;
    EXPECT_EQ(manifest.find(file.name), &file) << text;
  }
}

// Whoever wrote these knows how a checksum is made.
TEST(Manifest, TakesNothingThatNobodyCouldWorkWith) {
  const std::string sound = encode_manifest(some_manifest());
  const std::vector<std::string> tokens{
      "-1",   "0",       "18446744073709551615", "1e9",     "null", "[]", "{}", "\"../x\"", "\"\"",
      "true", "\"0_1\"", "9223372036854775808",  "[[[[[[[["};
  Mutator mutator(5);
  size_t taken = 0;
  size_t refused = 0;
  for (int i = 0; i < 40'000; ++i) {
    std::string text = sound;
    if (i % 2 == 0) {
      text = mutator.mutate(sound, "000013.sst").value_or("");
    } else {
      // A whole value becomes another one.
      const size_t colon = sound.find(':', mutator.up_to(sound.rfind(':')));
      const size_t end = sound.find_first_of(",}", colon);
      text.replace(colon + 1, end - colon - 1, tokens[mutator.up_to(tokens.size() - 1)]);
    }
    text = with_checksum(text);
    const Result<SnapshotManifest> decoded = decode_manifest(text);
    ++(decoded.ok() ? taken : refused);
    if (decoded.ok()) expect_sound(*decoded, text);
  }
  EXPECT_GT(taken, 500U);
  EXPECT_GT(refused, 10'000U);
}

TEST(SnapshotId, SortsByTimeAndIsTold) {
  EXPECT_LT(make_snapshot_id(999), make_snapshot_id(1000));
  EXPECT_TRUE(is_snapshot_id(make_snapshot_id(kNowMs)));
  for (const char* const text : {"", "..", "001700000000000-0000000g", "00170000000000000000000a",
                                 "001700000000000/0000000a", "001700000000000-0000000A"}) {
    EXPECT_FALSE(is_snapshot_id(text)) << text;
  }
}

}  // namespace millrace::engine::manifest_test
