#pragma once

#include <cstddef>

namespace millrace::crm {

/// The fate of a table's records that a complete snapshot of the table did not bring.
enum class SnapshotSweep : unsigned char {
  kOff,     ///< nothing
  kDryRun,  ///< counts them
  kOn,      ///< deletes them
};

struct TableOptions {
  SnapshotSweep sweep = SnapshotSweep::kOn;
  /// Rows of one task that a sweep looks at before other records have their turn.
  size_t slice = 256;
};

}  // namespace millrace::crm
