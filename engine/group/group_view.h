#pragma once

#include <string>

#include "engine/group/group_log.h"
#include "engine/plan/plan.h"
#include "engine/queries/peer_directory.h"

namespace millrace::engine {

/// Who has which task by `plan`, and where each of them answers, by its latest report in `log`.
/// `self`: this instance's name.
PeerView view_of(const Plan& plan, const GroupLog& log, const std::string& self);

}  // namespace millrace::engine
