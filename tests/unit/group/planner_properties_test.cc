#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "fleet.h"

namespace millrace::engine::planner_properties_test {

/// Something that happens to a fleet; numbers are taken modulo what there is.
struct Happening {
  int kind = 0;
  int whom = 0;
  int how_much = 0;
};

std::ostream& operator<<(std::ostream& out, const Happening& h) {
  return out << "{" << h.kind << ", " << h.whom << ", " << h.how_much << "}";
}

rc::Gen<std::vector<Happening>> happenings() {
  return rc::gen::container<std::vector<Happening>>(
      rc::gen::build<Happening>(rc::gen::set(&Happening::kind, rc::gen::inRange(0, 12)),
                                rc::gen::set(&Happening::whom, rc::gen::inRange(0, 7)),
                                rc::gen::set(&Happening::how_much, rc::gen::inRange(0, 100))));
}

void happen(Fleet& fleet, const Happening& what) {
  const std::string name(1, static_cast<char>('a' + what.whom));
  const auto [place, is_new] = fleet.instances.try_emplace(name);
  Fleet::Instance& whom = place->second;
  if (is_new) whom.is_up = false;
  switch (what.kind) {
    case 0:
    case 1: {
      fleet.start(name);
      whom.capacity = 1 + what.how_much % 3;
      whom.rack = std::string(static_cast<size_t>(what.how_much % 4), 'r');
      break;
    }
    case 2:
      whom.is_up = false;
      break;
    case 3:
      whom.is_draining = what.how_much % 3 != 0;
      break;
    case 4:
      whom.disk.clear();
      break;
    case 5:
      for (auto& [task, position] : whom.disk) position = position * what.how_much / 100;
      break;
    case 6:
    case 7:
      fleet.produce(what.how_much);
      break;
    case 8:
      fleet.catch_up();
      break;
    case 9:
      fleet.standby_replicas = what.how_much % 3;
      break;
    case 10:
      fleet.warmups_max = what.how_much % 4;
      break;
    default:
      if (whom.is_up) fleet.catch_up(name);
  }
}

Fleet some_fleet() {
  Fleet fleet;
  fleet.start("a");
  const int parts = *rc::gen::inRange(1, 4);
  for (int32_t part = 0; part < parts; ++part) {
    fleet.add_tasks(part, *rc::gen::inRange(1, 9), *rc::gen::arbitrary<bool>(),
                    *rc::gen::inRange(1, 5));
  }
  fleet.standby_replicas = *rc::gen::inRange(0, 3);
  fleet.warmups_max = *rc::gen::inRange(0, 4);
  return fleet;
}

// The checks of `Fleet::replan` hold after everything that can happen.
RC_GTEST_PROP(PlannerProperties, EveryPlanIsSound, ()) {
  Fleet fleet = some_fleet();
  for (const Happening& what : *happenings()) {
    happen(fleet, what);
    RC_ASSERT(fleet.replan() == "");
  }
}

RC_GTEST_PROP(PlannerProperties, AFleetComesToRestInBalance, ()) {
  Fleet fleet = some_fleet();
  for (const Happening& what : *happenings()) {
    happen(fleet, what);
    RC_ASSERT(fleet.replan() == "");
  }
  fleet.warmups_max = std::max(fleet.warmups_max, 1);
  RC_ASSERT(fleet.settle() == "");
  RC_ASSERT(fleet.unsettled() == "");
}

// In a fleet of equals in which every instance can continue every task.
RC_GTEST_PROP(PlannerProperties, NoTaskMovesThatNeedNot, ()) {
  Fleet fleet;
  fleet.add_tasks(0, *rc::gen::inRange(1, 30), false);
  for (const int whom : *rc::gen::unique<std::vector<int>>(3, rc::gen::inRange(0, 26))) {
    fleet.start(std::string(1, static_cast<char>('a' + whom)));
  }
  RC_ASSERT(fleet.settle() == "");
  const Plan before = fleet.plan;
  if (*rc::gen::arbitrary<bool>()) {
    fleet.start("new");
    RC_ASSERT(fleet.settle() == "");
    for (const TaskId task : fleet.moved_since(before)) RC_ASSERT(fleet.of(task).active == "new");
    RC_ASSERT(fleet.moved_since(before).size() == fleet.tasks.size() / 4);
  } else {
    const std::string gone = fleet.instances.begin()->first;
    const std::vector<TaskId> orphans = fleet.tasks_of(gone);
    fleet.stop(gone);
    RC_ASSERT(fleet.settle() == "");
    RC_ASSERT(fleet.moved_since(before) == orphans);
  }
}

}  // namespace millrace::engine::planner_properties_test
