#pragma once

#include <string_view>

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

/// An empty string for an absent one. The view lives as long as the record.
inline std::string_view text_of(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : text->string_view();
}

}  // namespace millrace::crm
