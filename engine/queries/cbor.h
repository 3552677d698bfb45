#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "millrace/core/ids.h"

/// CBOR, by which instances talk to each other: objects and lists of texts, bytes, numbers and
/// flags. Readers throw an `std::exception` at anything else.
namespace millrace::engine::cbor {

std::string to_text(const nlohmann::json& object);
/// Throws at bytes that are nested more deeply than anything that instances say: nlohmann's reader
/// would exhaust the stack.
nlohmann::json parse(std::string_view bytes);

nlohmann::json binary(std::string_view bytes);
std::string bytes_in(const nlohmann::json& value);

/// A whole number of this type, at least `min`. For int32_t, int64_t, uint32_t and size_t.
template <class Integer>
Integer number_in(const nlohmann::json& value, Integer min);

TaskId task_in(const nlohmann::json& sub_topology, const nlohmann::json& partition);

}  // namespace millrace::engine::cbor
