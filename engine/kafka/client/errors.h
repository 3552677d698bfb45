#pragma once

#include <string_view>

#include "millrace/core/result.h"

#include "engine/kafka/client/handles.h"

namespace millrace::engine::kafka {

/// Room for the texts that librdkafka writes into a caller's buffer.
inline constexpr size_t kErrorTextBytes = 512;

/// Our code for an error of librdkafka or of a broker, without knowledge of the failed request.
/// Errors of an unknown kind are `kRetriable`: brokers have many words for "not now", and every
/// caller bounds its retries.
ErrorCode code_of(rd_kafka_resp_err_t error);

/// `context` says what failed, e.g. "commit of crm.accounts/3"; `detail` defaults to librdkafka's
/// text.
Error make_error(std::string_view context, rd_kafka_resp_err_t error, std::string_view detail = {});
Error make_error(std::string_view context, const rd_kafka_error_t& error);

/// For the calls of a transaction, where librdkafka says what has to be done: fatal and fenced:
/// `kFenced`; fatal for another reason: `kTimedOut`, since the outcome is unknown and only a new
/// producer can continue; abortable: `kAborted`; refused for good (authorisation, size,
/// configuration): `kRefused` or `kConfig`; else as `code_of`.
Error make_transaction_error(std::string_view context, const rd_kafka_error_t& error);

/// A record's delivery report: `kRefused` when the broker will never take the record, `kFenced`
/// when another producer took over, else `kAborted` (work since the last commit is not in the log).
ErrorCode delivery_code(rd_kafka_resp_err_t error);

}  // namespace millrace::engine::kafka
