#include "millrace/core/result.h"

namespace millrace {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kConfig:
      return "config";
    case ErrorCode::kInvalidRecord:
      return "invalid_record";
    case ErrorCode::kUserCode:
      return "user_code";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kStoreIo:
      return "store_io";
    case ErrorCode::kRetriable:
      return "retriable";
    case ErrorCode::kTimedOut:
      return "timed_out";
    case ErrorCode::kAborted:
      return "aborted";
    case ErrorCode::kFenced:
      return "fenced";
    case ErrorCode::kRefused:
      return "refused";
    case ErrorCode::kNotReady:
      return "not_ready";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

}  // namespace millrace
