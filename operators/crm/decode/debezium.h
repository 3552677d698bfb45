#pragma once

#include <memory>

#include "crm/decode/decoder.h"

namespace millrace::crm {

/// Debezium's envelope (before, after, op, source) as JSON, with or without schema. DESIGN.md lists
/// the result of each operation. `mapping` must outlive the decoder.
std::unique_ptr<Decoder> make_debezium_decoder(const TopicMapping& mapping);

}  // namespace millrace::crm
