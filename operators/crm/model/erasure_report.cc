#include "crm/model/erasure_report.h"

#include "crm/model/encode.h"
#include "erasure_report_generated.h"

namespace millrace::crm {

Bytes write_report(flatbuffers::FlatBufferBuilder& builder, const Erasure& erasure, TaskId task,
                   const std::vector<ErasedRows>& places) {
  builder.Clear();
  std::vector<flatbuffers::Offset<ErasedPlace>> written;
  written.reserve(places.size());
  for (const ErasedRows& each : places) {
    const auto place = builder.CreateString(each.place);
    written.push_back(CreateErasedPlace(builder, place, each.erased, each.kept));
  }
  const auto id = builder.CreateString(erasure.id()->string_view());
  const auto task_id = builder.CreateString(task.to_string());
  const auto all = builder.CreateVector(written);
  return finish_aligned(builder,
                        CreateErasureReport(builder, id, erasure.as_of_ms(), task_id, all));
}

}  // namespace millrace::crm
