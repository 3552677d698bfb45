#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "millrace/core/assert.h"

namespace millrace {

/// The part of an `Error` that programs decide on; its message is for the human.
enum class ErrorCode : unsigned char {
  kInvalidArgument,  ///< the caller's values are wrong: nothing was done
  kConfig,           ///< configuration, topology or topics do not fit; a person has to act
  kInvalidRecord,    ///< bytes that are no valid record; the message has topic/partition@offset
  kUserCode,         ///< an exception from user code, caught at the task's edge
  kNotFound,
  kStoreIo,    ///< a store's disk failed or its data is damaged
  kRetriable,  ///< the broker is away or busy; the same call may succeed later
  kTimedOut,   ///< no answer in time: the outcome is unknown
  kAborted,    ///< abort the transaction, and drop the work since the last commit
  kFenced,     ///< somebody newer owns this identity; drop all work, re-create the client
  kRefused,    ///< the broker refuses this record or request for good (size, authorisation)
  kNotReady,   ///< it is being built, and the message says how far; ask again later
  kInternal,
};

/// Stable lower-case name of a code, e.g. "store_io"; used in logs, metrics and dead letters.
std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code;
  std::string message;
};

/// Success, or one error. Success is a null pointer, so it costs nothing to return.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error)  // NOLINT(google-explicit-constructor): `return Error{...}` reads best
      : error_(std::make_unique<Error>(std::move(error))) {}
  Status(const Status& other)
      : error_(other.error_ ? std::make_unique<Error>(*other.error_) : nullptr) {}
  Status(Status&&) noexcept = default;
  Status& operator=(Status other) noexcept {
    error_.swap(other.error_);
    return *this;
  }
  ~Status() = default;

  bool ok() const { return error_ == nullptr; }
  explicit operator bool() const { return ok(); }
  /// REQUIRES: !ok().
  const Error& error() const {
    MILLRACE_ASSERT(error_ != nullptr, "error() of a status that is ok");
    return *error_;
  }
  ErrorCode code() const { return error().code; }
  const std::string& message() const { return error().message; }

 private:
  std::unique_ptr<Error> error_;
};

/// A `T`, or an error.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT(google-explicit-constructor)
  Result(Error error) : status_(std::move(error)) {}    // NOLINT(google-explicit-constructor)
  Result(Status status) : status_(std::move(status)) {  // NOLINT(google-explicit-constructor)
    MILLRACE_ASSERT(!status_.ok(), "a Result made from a Status needs an error");
  }

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  /// REQUIRES: ok().
  T& value() & {
    MILLRACE_ASSERT(ok(), "value() of a failed result");
    return *value_;
  }
  const T& value() const& {
    MILLRACE_ASSERT(ok(), "value() of a failed result");
    return *value_;
  }
  T&& value() && {
    MILLRACE_ASSERT(ok(), "value() of a failed result");
    return *std::move(value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Status& status() const { return status_; }
  const Error& error() const { return status_.error(); }
  ErrorCode code() const { return status_.code(); }
  const std::string& message() const { return status_.message(); }

 private:
  std::optional<T> value_;
  Status status_;
};

/// Returns from the enclosing function when `expression` (a Status) is an error.
#define MILLRACE_RETURN_IF_ERROR(expression)                                      \
  do {                                                                            \
    if (::millrace::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

}  // namespace millrace
