#pragma once

#include <stdexcept>

namespace millrace {

/// Thrown by a processor whose code is right and whose record is not: bytes that do not decode, or
/// contents beyond a bound. The handler of invalid records decides then (`on.invalid.record`: fail,
/// skip or dead letter), not that of errors in user code. `what()` becomes the reason in logs and
/// dead letters, so it must not quote values.
class InvalidRecord : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace millrace
