#pragma once

#include <nlohmann/json_fwd.hpp>

#include "apps/tools/personal_mask.h"
#include "engine/output/dead_letters.h"

namespace millrace::apps {

/// How much of the records in dead letters is shown.
struct LetterView {
  /// Null: nothing of them but their sizes, since nobody knows which parts are personal.
  const PersonalMask* mask = nullptr;
  /// All of them.
  bool reveals = false;
};

/// A dead letter as JSON: where it came from, why it is here, and its record as `view` says. Of a
/// record that is sealed only sizes are shown, and which key opens it.
nlohmann::ordered_json dead_letter_json(const engine::DeadLetter& letter, const LetterView& view);

}  // namespace millrace::apps
