#pragma once

#include <flatbuffers/flatbuffers.h>

#include "millrace/core/bytes.h"

namespace millrace::crm {

/// Finishes `builder` so that its bytes start at an 8-byte boundary, as records must, whatever the
/// table holds. The view dies with the builder's next change.
template <class Table>
Bytes finish_aligned(flatbuffers::FlatBufferBuilder& builder, flatbuffers::Offset<Table> root) {
  builder.TrackMinAlign(8);
  builder.Finish(root);
  return {builder.GetBufferPointer(), builder.GetSize()};
}

/// An absent string for an empty one.
inline flatbuffers::Offset<flatbuffers::String> write_text(flatbuffers::FlatBufferBuilder& builder,
                                                           std::string_view text) {
  return text.empty() ? flatbuffers::Offset<flatbuffers::String>() : builder.CreateString(text);
}

}  // namespace millrace::crm
