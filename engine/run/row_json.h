#pragma once

#include <optional>

#include <nlohmann/json_fwd.hpp>

#include "millrace/core/topology.h"
#include "millrace/engine/http_route.h"
#include "millrace/engine/row_masks.h"

namespace millrace::engine {

/// How, and how much of, the rows of a store are shown to a caller.
struct RowView {
  bool is_hex = false;     ///< as bytes; else as JSON by the store's types
  bool shows_all = false;  ///< with the right to raw rows: bytes, texts and numbers too
  RowMask mask{};          ///< of values; empty: they are shown whole
};

/// The view for a caller with `rights`, as `masks` allow it; nullopt: he needs the right to raw
/// rows. `format`: "json" or "hex", null for JSON if the store's values have that form.
std::optional<RowView> row_view(const StoreSpec& store, const RowMasks& masks, Rights rights,
                                const std::string* format);
/// The parameter that names the format.
HttpParameter format_parameter();

/// A row, whose bytes anybody may have written, as members of an object:
///
///     key, value              by their types; bytes without a form as JSON: {"hex": "…"}
///     key, kind, due_ms       of a timer
///     key, key_hex, value_hex of a view as bytes
///     hidden: true            instead of what the view does not show
nlohmann::ordered_json row_json(const StoreSpec& store, Bytes key, Bytes value,
                                const RowView& view);

}  // namespace millrace::engine
