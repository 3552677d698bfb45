#pragma once

#include <cstdint>
#include <filesystem>
#include <ostream>
#include <string>

#include "millrace/core/result.h"

namespace CLI {
class App;
}

namespace millrace::apps {

/// A change of one running instance.
struct OperateFlags {
  std::string operation{};  ///< the command: "pause", "resume" or "drain"
  std::string url{"http://127.0.0.1:8090"};
  std::filesystem::path token_file{};   ///< a bearer token; empty: none
  std::filesystem::path authorities{};  ///< PEM; empty: those that the system knows
  int64_t wait_s = 0;                   ///< drain: until it has given its tasks away; 0: no time
};

/// Asks the instance, and writes its answer, which says whether it is paused and drained. Errors:
/// `kInvalidArgument`: the URL; `kRefused`: a certificate, token or right is missing; `kRetriable`:
/// nobody answers; `kTimedOut`: it still has tasks after `wait_s`.
Status operate(const OperateFlags& flags, std::ostream& out);

/// The subcommands `pause`, `resume` and `drain`; the one that is parsed names itself in `flags`.
void add_operations(CLI::App& top, OperateFlags& flags);

}  // namespace millrace::apps
