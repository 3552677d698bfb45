#pragma once

#include <memory>

#include "crm/decode/decoder.h"

namespace millrace::crm {

/// Salesforce Change Data Capture in the dialect that `mapping.format` names. decode/DESIGN.md
/// compares the dialects. `mapping` must outlive the decoder.
std::unique_ptr<Decoder> make_salesforce_decoder(const TopicMapping& mapping);

}  // namespace millrace::crm
