#pragma once

#include <librdkafka/rdkafka.h>

// The engine asks for librdkafka's version here and nowhere else. Each answer names the version
// that makes the other way dead code, which goes with the support for Debian 12, whose librdkafka
// is 2.0.2.

/// 2.8.0 tells the generation in a consumer's group metadata. Before, `generation_of` reads it from
/// the encoded form. A macro, as older headers do not declare the function.
#define MILLRACE_RDKAFKA_TELLS_GENERATION (RD_KAFKA_VERSION >= 0x02080000)

namespace millrace::engine::kafka {

/// 2.2.0: librdkafka looks at a full prefetch queue again after `fetch.queue.backoff.ms`. Before,
/// it slept a second, and `FetchWaker` had to end the sleep.
inline bool has_fetch_queue_backoff(int version = rd_kafka_version()) {
  return version >= 0x02020000;
}

}  // namespace millrace::engine::kafka
