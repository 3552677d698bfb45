#include "engine/kafka/client/errors.h"

#include <gmock/gmock.h>

#include "engine/kafka/client/group_metadata.h"

namespace millrace::engine::kafka::errors_test {

using ::testing::HasSubstr;

TEST(ErrorTable, TellsWhatAProgramCanDo) {
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR__FENCED), ErrorCode::kFenced);
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID), ErrorCode::kFenced);
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION), ErrorCode::kAborted);
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID), ErrorCode::kAborted);
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE), ErrorCode::kRefused);
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED), ErrorCode::kRefused);
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART), ErrorCode::kConfig);
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR__TIMED_OUT), ErrorCode::kTimedOut);
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR__TRANSPORT), ErrorCode::kRetriable);
  EXPECT_EQ(code_of(RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT), ErrorCode::kRetriable);
}

TEST(ErrorTable, NamesTheContextTheTextAndTheCode) {
  const Error error = make_error("commit of t/0", RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
  EXPECT_THAT(error.message, HasSubstr("commit of t/0: "));
  EXPECT_THAT(error.message, HasSubstr("(ILLEGAL_GENERATION)"));
}

TEST(ErrorTable, ADeliveryThatFailedIsRefusedFencedOrAborted) {
  EXPECT_EQ(delivery_code(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE), ErrorCode::kRefused);
  EXPECT_EQ(delivery_code(RD_KAFKA_RESP_ERR__FENCED), ErrorCode::kFenced);
  EXPECT_EQ(delivery_code(RD_KAFKA_RESP_ERR__MSG_TIMED_OUT), ErrorCode::kAborted);
  EXPECT_EQ(delivery_code(RD_KAFKA_RESP_ERR__TRANSPORT), ErrorCode::kAborted);
}

#if !MILLRACE_RDKAFKA_TELLS_GENERATION
TEST(GroupMetadata, TheGenerationIsReadOnlyFromTheKnownForm) {
  EXPECT_EQ(generation_of(std::string_view("CGMDv2:\x07\0\0\0group\0member\0", 24)), 7);
  EXPECT_EQ(generation_of("CGMDv2:\x07"), -1);
  EXPECT_EQ(generation_of("CGMDv3:\x07xxxx"), -1);
  EXPECT_EQ(generation_of(""), -1);
}
#endif

}  // namespace millrace::engine::kafka::errors_test
