#pragma once

#include "millrace/testing/topology_driver.h"

#include "engine/testing/memory_broker.h"

namespace millrace::testing {

/// Reaches into a driver. Not installed, as the broker in memory is not.
struct DriverInternals {
  static MemoryBroker& broker(TopologyDriver& driver);
};

/// The driver's Kafka, for tests that break it or look into its topics. Valid as long as the
/// driver.
inline MemoryBroker& broker_of(TopologyDriver& driver) {
  return DriverInternals::broker(driver);
}

}  // namespace millrace::testing
