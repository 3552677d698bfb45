#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "millrace/engine/engine.h"

#include "faults.h"
#include "storage/disk.h"
#include "world.h"

namespace millrace::simulation {

/// The answer of the group's coordinator, for a while, when an instance asks for the members.
struct MembersFault {
  enum class Form : unsigned char {
    kNothing,       ///< it moves, or somebody who knows it is away
    kLate,          ///< a broker that holds nothing is away, and the client waits for it
    kWithoutAsker,  ///< it took the instance for gone, or has yet to list it
  };
  int64_t until_ms = 0;  ///< by steady time
  Form form = Form::kNothing;
};

/// One of a world's instances, up or down.
struct World::Instance {
  std::string name;
  std::unique_ptr<engine::ClientFactory> kafka;
  std::unique_ptr<engine::ClientFactory> link;
  std::unique_ptr<Disk> disk;      ///< null: its state is in memory
  std::unique_ptr<Engine> engine;  ///< null: it is down
  int life = 0;                    ///< so often it was started
  bool is_in_turn = false;
  bool is_dead = false;  ///< killed within a call: nothing that it does has an effect any more
  bool has_committed = false;  ///< since the last look
  bool has_damage = false;     ///< its disk was hit: it may say so
  bool is_next = false;        ///< it runs the next version of the job
  OnError on_error = OnError::kDeadLetter;
  bool has_old_tables = false;               ///< it was started before a broadcast topic grew
  int64_t may_have_old_tables_until_ms = 0;  ///< by steady time: it was starting when one grew
  int looks_left = 0;                        ///< until it has looked at an input that was replaced
  int64_t down_ms = 0;                       ///< of one that is dead
  int64_t frozen_until_ms = 0;               ///< by steady time
  int64_t cut_until_ms = 0;
  MembersFault members;
  std::vector<Strike> armed;  ///< to come within calls
};

}  // namespace millrace::simulation
