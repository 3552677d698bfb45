#include "engine/kafka/client/errors.h"

#include <fmt/format.h>

namespace millrace::engine::kafka {

ErrorCode code_of(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      return ErrorCode::kFenced;

    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
      return ErrorCode::kAborted;

    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return ErrorCode::kRefused;

    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
      return ErrorCode::kConfig;

    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return ErrorCode::kNotFound;

    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return ErrorCode::kInvalidArgument;

    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      return ErrorCode::kTimedOut;

    case RD_KAFKA_RESP_ERR__STATE:
    case RD_KAFKA_RESP_ERR__CONFLICT:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
    case RD_KAFKA_RESP_ERR__INCONSISTENT:
    case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
    case RD_KAFKA_RESP_ERR__DESTROY:
      return ErrorCode::kInternal;

    default:
      return ErrorCode::kRetriable;
  }
}

Error make_error(std::string_view context, rd_kafka_resp_err_t error, std::string_view detail) {
  if (detail.empty()) detail = rd_kafka_err2str(error);
  return {code_of(error), fmt::format("{}: {} ({})", context, detail, rd_kafka_err2name(error))};
}

Error make_error(std::string_view context, const rd_kafka_error_t& error) {
  Error result = make_error(context, rd_kafka_error_code(&error), rd_kafka_error_string(&error));
  if (rd_kafka_error_is_retriable(&error)) result.code = ErrorCode::kRetriable;
  return result;
}

Error make_transaction_error(std::string_view context, const rd_kafka_error_t& error) {
  Error result = make_error(context, rd_kafka_error_code(&error), rd_kafka_error_string(&error));
  const bool for_good = result.code == ErrorCode::kRefused || result.code == ErrorCode::kConfig;
  if (rd_kafka_error_is_fatal(&error)) {
    if (!for_good && result.code != ErrorCode::kFenced) result.code = ErrorCode::kTimedOut;
  } else if (rd_kafka_error_txn_requires_abort(&error)) {
    if (!for_good) result.code = ErrorCode::kAborted;
  } else if (rd_kafka_error_is_retriable(&error)) {
    result.code = ErrorCode::kRetriable;
  }
  return result;
}

ErrorCode delivery_code(rd_kafka_resp_err_t error) {
  const ErrorCode code = code_of(error);
  const bool kept = code == ErrorCode::kRefused || code == ErrorCode::kFenced;
  return kept ? code : ErrorCode::kAborted;
}

}  // namespace millrace::engine::kafka
