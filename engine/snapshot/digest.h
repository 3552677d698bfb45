#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace millrace::engine {

/// XXH3-128 of bytes that come in pieces: finds damage by a disk or a network. It is no proof
/// against somebody who makes up both the bytes and the digest.
class Digest {
 public:
  Digest();
  ~Digest();
  void update(std::string_view bytes);
  std::string hex() const;  ///< of all bytes so far; 32 lower-case digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

constexpr size_t kDigestDigits = 32;

}  // namespace millrace::engine
