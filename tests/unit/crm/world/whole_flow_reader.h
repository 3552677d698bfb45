#pragma once

#include "flow_runner.h"
#include "whole_flow.h"

namespace millrace::crm {

/// Reads the stores and the topic of conflicts after a run. Fails the test where they contradict
/// themselves: a child in two places, counts that are not those of the entries, a victim with a
/// state.
WholeFlow read_flow(const FlowRunner& runner);

/// The latest rows of the topics are those of the stores, no counter goes back (M8), and only what
/// was there is taken back, unless rows that one commit put and took back are coalesced.
void expect_topics_equal_stores(const FlowRunner& runner, bool is_coalesced);

}  // namespace millrace::crm
