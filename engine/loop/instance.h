#pragma once

#include <utility>

#include "millrace/core/clock.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/metrics.h"
#include "millrace/engine/options.h"

#include "engine/base/line_limit.h"
#include "engine/base/scheduler.h"
#include "engine/changes/change_rings.h"
#include "engine/clients/clients.h"

namespace millrace::engine {

/// Settings, clients, clock, hooks, metrics, changes, bounds of the log and worker threads that the
/// parts of one instance share; must outlive them.
struct Instance {
  Instance(EngineOptions settings, ClientFactory& kafka, const Clock& time, EngineHooks seams = {})
      : options(std::move(settings)),
        clients(kafka),
        clock(time),
        hooks(std::move(seams)),
        metrics(options.application_id),
        lines(time),
        scheduler(options.worker_threads) {}

  const EngineOptions options;
  ClientFactory& clients;
  const Clock& clock;
  const EngineHooks hooks;
  Metrics metrics;
  LineLimit lines;  ///< about records
  ChangeRings changes;
  Scheduler scheduler;
};

}  // namespace millrace::engine
