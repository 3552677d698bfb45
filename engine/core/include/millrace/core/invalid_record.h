#pragma once

#include <stdexcept>

namespace millrace {

/// A processor throws this when its code is right and its record is not: bytes that do not decode,
/// or contents beyond a bound. The handler of invalid records then decides (`on.invalid.record`:
/// fail, skip or dead letter), not the handler of errors in user code. `what()`, behind the
/// node's name, becomes the reason in logs and dead letters, so it must not quote values.
class InvalidRecord : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace millrace
