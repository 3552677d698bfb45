#include "crm/tables/table_report.h"

#include "conflict_generated.h"
#include "crm/model/encode.h"

namespace millrace::crm {

TableReport write_table_report(flatbuffers::FlatBufferBuilder& builder, std::string_view home,
                               std::string_view table, VersionView version, std::string_view text) {
  const std::string_view source = home.substr(home.find('/') + 1);
  TableReport report{.key = std::string(source).append(1, ':').append(table), .value = {}};
  builder.Clear();
  const auto id = builder.CreateString(report.key);
  const auto ids = builder.CreateVector(&id, 1);
  const auto version_offset = write_version(builder, version);
  const auto text_offset = builder.CreateString(text);
  report.value = finish_aligned(
      builder, CreateConflict(builder, ConflictKind::TableSwept, ids, version_offset, text_offset));
  return report;
}

}  // namespace millrace::crm
