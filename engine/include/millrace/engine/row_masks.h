#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// Hides the personal fields of a row's value, which it takes and returns as JSON; nullopt: the
/// value cannot be shown. Runs on several threads at a time.
using RowMask = std::function<std::optional<std::string>(std::string_view json)>;

/// The stores, by name, whose rows callers without the right to raw rows may see. They see values
/// behind the mask, unless they have the right to personal fields; without a function there is
/// nothing to hide. Rows of all other stores need the right to raw rows, and so do bytes.
///
/// The engine does not know what is personal. Name a store only if
/// - its keys are ids or consist of ids, as keys are shown as they are, and
/// - its values are tables, and the mask knows all of their personal fields.
/// The engine shows such callers only keys with a form as JSON, and only values that are JSON
/// objects, so never texts, numbers or bytes. Of a store of timers it shows key, kind and time.
using RowMasks = std::map<std::string, RowMask, std::less<>>;

}  // namespace millrace
