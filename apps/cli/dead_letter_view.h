#pragma once

#include <nlohmann/json_fwd.hpp>

#include "apps/tools/personal_mask.h"
#include "engine/output/dead_letters.h"

namespace millrace::apps {

/// The visible part of the records in dead letters.
struct LetterView {
  /// Null: only their sizes, since nobody knows which parts are personal.
  const PersonalMask* mask = nullptr;
  /// Everything.
  bool reveals = false;
};

/// A dead letter as JSON: its origin, its reason, and its record as far as `view` allows. A sealed
/// record shows only its sizes, and the key that opens it.
nlohmann::ordered_json dead_letter_json(const engine::DeadLetter& letter, const LetterView& view);

}  // namespace millrace::apps
