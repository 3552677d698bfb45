#pragma once

#include <cstdio>
#include <cstdlib>

/// Always on: a broken assumption ends the process before it can reach a store or a topic.
#define MILLRACE_ASSERT(condition, message)                                                   \
  do {                                                                                        \
    if (!(condition)) [[unlikely]] {                                                          \
      std::fprintf(stderr, "%s:%d: assertion failed: %s (%s)\n", __FILE__, __LINE__, message, \
                   #condition);                                                               \
      std::abort();                                                                           \
    }                                                                                         \
  } while (false)
