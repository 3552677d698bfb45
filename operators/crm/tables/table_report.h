#pragma once

#include <string>
#include <string_view>

#include <flatbuffers/flatbuffers.h>

#include "millrace/core/bytes.h"

#include "crm/model/version.h"

namespace millrace::crm {

/// A record for `crm.conflicts`.
struct TableReport {
  std::string key;  ///< "source:entity"
  Bytes value;      ///< Conflict `TableSwept`; dies with the builder's next change
};

TableReport write_table_report(flatbuffers::FlatBufferBuilder& builder, std::string_view home,
                               std::string_view table, VersionView version, std::string_view text);

}  // namespace millrace::crm
