#include "engine/run/exit_codes.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace millrace::engine {
namespace {

struct Meaning {
  int code;
  std::string_view text;
};

/// See ExitCode.
constexpr Meaning kMeanings[] = {
    {0, "done, or stopped in an orderly way (SIGTERM, SIGINT)"},
    {1, "a comparison or check found differences or problems"},
    {2, "command line or configuration is wrong"},
    {3, "topology or topics do not fit, or there is no such thing"},
    {4, "fenced: another process uses this instance.id, or a copy of this state directory"},
    {5, "a record failed (invalid, or an operator's function threw) and the policy is \"fail\""},
    {6, "a store's disk failed, is full or cannot be written"},
    {7, "an output, a right or a token was refused"},
    {70, "internal error"},
    {75, "brokers or servers were away for too long; may work later"},
    {124, "an orderly stop took longer than shutdown.timeout.ms"},
    {130, "a second signal ended it at once"},
};

}  // namespace

std::string exit_codes_text(std::span<const int> codes) {
  std::string text = "Exit codes:";
  for (const Meaning& meaning : kMeanings) {
    const bool is_asked =
        codes.empty() ? meaning.code != 1 : std::ranges::count(codes, meaning.code);
    if (is_asked) text += fmt::format("\n  {:<4} {}", meaning.code, meaning.text);
  }
  return text;
}

}  // namespace millrace::engine
