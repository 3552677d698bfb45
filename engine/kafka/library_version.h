#pragma once

#include <librdkafka/rdkafka.h>

namespace millrace::engine::kafka {

// The engine asks for the version of the loaded librdkafka here and nowhere else. Each function
// names the version that makes the other way dead code, which goes with the support for Debian 12,
// whose librdkafka is 2.0.2.

/// 2.2.0: librdkafka looks at a full prefetch queue again after `fetch.queue.backoff.ms`. Before,
/// it slept a second, and `FetchWaker` had to end the sleep.
inline bool has_fetch_queue_backoff(int version = rd_kafka_version()) {
  return version >= 0x02020000;
}

}  // namespace millrace::engine::kafka
