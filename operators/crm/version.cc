#include "crm/version.h"

namespace millrace::crm {

flatbuffers::Offset<Version> write_version(flatbuffers::FlatBufferBuilder& builder,
                                           VersionView version) {
  const auto transaction = version.transaction_key.empty()
                               ? flatbuffers::Offset<flatbuffers::String>()
                               : builder.CreateString(version.transaction_key);
  return CreateVersion(builder, version.commit_timestamp_ms, version.sequence_number, transaction);
}

}  // namespace millrace::crm
