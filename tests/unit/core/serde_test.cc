#include "millrace/core/serde.h"

#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

#include "millrace/core/topic.h"

#include "merge_signal_generated.h"
#include "version_generated.h"

namespace millrace::serde_test {

template <class T>
std::string encoded(const OwnedOf<T>& value) {
  std::string out;
  Serde<T>::encode(value, out);
  return out;
}

TEST(IntegerSerde, RoundTripsTheWholeRange) {
  for (const int64_t value :
       {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{1} << 40, std::numeric_limits<int64_t>::min(),
        std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(Serde<int64_t>::view(encoded<int64_t>(value)), value);
  }
  for (const int32_t value : {0, -1, std::numeric_limits<int32_t>::min()}) {
    EXPECT_EQ(Serde<int32_t>::view(encoded<int32_t>(value)), value);
  }
}

TEST(IntegerSerde, WritesBigEndianLikeJava) {
  EXPECT_EQ(encoded<int64_t>(0x0102030405060708), std::string("\1\2\3\4\5\6\7\10"));
  EXPECT_EQ(encoded<int32_t>(-2), std::string("\xff\xff\xff\xfe"));
}

TEST(IntegerSerde, RefusesAnotherWidth) {
  EXPECT_EQ(Serde<int64_t>::validate("1234").code(), ErrorCode::kInvalidRecord);
  EXPECT_TRUE(Serde<int32_t>::validate("1234").ok());
}

TEST(StringSerde, KeepsBytesAsTheyAre) {
  const std::string text("a\0b", 3);
  EXPECT_EQ(encoded<std::string>(text), text);
  EXPECT_EQ(Serde<std::string>::view(text), text);
  EXPECT_EQ(Serde<RawBytes>::view(text), Bytes(text));
}

TEST(Serde, AppendsToWhatIsThere) {
  std::string out = "x";
  Serde<int32_t>::encode(1, out);
  EXPECT_EQ(out.size(), 5U);
  EXPECT_EQ(out.front(), 'x');
}

TEST(TypeInfo, IsTheSameTypeWhenTheNameIs) {
  EXPECT_EQ(type_info<int64_t>(), type_info<int64_t>());
  EXPECT_FALSE(type_info<int64_t>() == type_info<int32_t>());
  EXPECT_EQ(type_info<RawBytes>(), TypeInfo{});
}

/// A type of an application.
struct Grade {};
}  // namespace millrace::serde_test

template <>
struct millrace::Serde<millrace::serde_test::Grade> : millrace::Serde<millrace::RawBytes> {
  static std::string_view name() { return "grade"; }
  static Status write_json(Bytes bytes, std::string& out) {
    if (bytes == "none") throw std::runtime_error("no grade");
    out.append("{\"grade\":").append(bytes.view()) += '}';
    return {};
  }
};

namespace millrace::serde_test {

TEST(TypeInfo, WritesJson) {
  EXPECT_EQ(*type_info<int64_t>().json(Bytes(encoded<int64_t>(-7))), "-7");
  EXPECT_EQ(*type_info<std::string>().json(Bytes("\"\n\xc3\x9c")), "\"\\\"\\n\xc3\x9c\"");
  EXPECT_EQ(*type_info<Grade>().json("3"), R"({"grade":3})");
  EXPECT_EQ(*type_info<RawBytes>().json(Bytes()), "null");
}

TEST(TypeInfo, WritesNoJsonOfBytesThatAreNotOfTheType) {
  EXPECT_EQ(type_info<int64_t>().json("short").code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ(type_info<std::string>().json("\xff").code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ(type_info<crm::Version>().json("no table").code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ(type_info<Grade>().json("none").code(), ErrorCode::kInvalidRecord);
  EXPECT_EQ(type_info<RawBytes>().json("x").code(), ErrorCode::kInvalidRecord);
}

crm::VersionT some_version() {
  crm::VersionT version;
  version.commit_timestamp_ms = 1'700'000'000'000;
  version.sequence_number = 3;
  version.transaction_key = "tx";
  return version;
}

TEST(FlatSerde, WritesJsonByTheSchema) {
  const std::string bytes = encoded<crm::Version>(Flat<crm::Version>(some_version()));
  EXPECT_EQ(*type_info<crm::Version>().json(Bytes(bytes)),
            R"({"commit_timestamp_ms": 1700000000000,"sequence_number": 3,)"
            R"("transaction_key": "tx"})");
  crm::PastParentT parent;
  parent.account = "a\x01\xff";
  parent.version = std::make_unique<crm::VersionT>();
  const Flat<crm::PastParent> flat(parent);
  EXPECT_EQ(*type_info<crm::PastParent>().json(Bytes(flat.bytes())),
            R"({"account": "a\u0001\ufffd","version": {"commit_timestamp_ms": 0,)"
            R"("sequence_number": 0}})")
      << "of a table that is not the root type of its schema";
}

TEST(FlatSerde, RoundTripsATable) {
  const std::string bytes = encoded<crm::Version>(Flat<crm::Version>(some_version()));
  ASSERT_TRUE(Serde<crm::Version>::validate(bytes).ok());
  const crm::Version& view = Serde<crm::Version>::view(bytes);
  EXPECT_EQ(view.commit_timestamp_ms(), 1'700'000'000'000);
  EXPECT_EQ(view.transaction_key()->string_view(), "tx");
  EXPECT_EQ(Flat<crm::Version>::copy_of(bytes)->sequence_number(), 3);
}

TEST(FlatSerde, RefusesDamagedBytesAndNamesTheTable) {
  const std::string bytes = encoded<crm::Version>(Flat<crm::Version>(some_version()));
  const Status status = Serde<crm::Version>::validate(Bytes(bytes.data(), bytes.size() / 2));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kInvalidRecord);
  EXPECT_NE(status.message().find("millrace.crm.Version"), std::string::npos);
}

}  // namespace millrace::serde_test
