#include <memory>
#include <string>
#include <utility>

#include "account_state_generated.h"
#include "crm/entitlement/deriver.h"
#include "crm/model/encode.h"

namespace millrace::crm {
namespace {

class AccountTimeZone final : public Processor {
 public:
  explicit AccountTimeZone(std::string field) : field_(std::move(field)) {}

  void process(const Record& record) override {
    const std::string_view zone = zone_in(record.value);
    if (zone == zone_in(record.old_value)) return;
    builder_.Clear();
    const auto root = builder_.CreateString(record.key.view());
    const auto name = write_text(builder_, zone);
    EntitlementInputBuilder input(builder_);
    input.add_root(root);
    input.add_kind(EntitlementInputKind::TimeZone);
    input.add_time_zone(name);
    context().forward({.key = record.key,
                       .value = finish_aligned(builder_, input.Finish()),
                       .old_value = {},
                       .timestamp_ms = record.timestamp_ms,
                       .headers = record.headers});
  }

 private:
  std::string_view zone_in(Bytes account_state) const {
    if (account_state.is_null()) return {};
    const auto* fields = flatbuffers::GetRoot<AccountState>(account_state.data())->fields();
    const GoldenField* field = fields == nullptr ? nullptr : fields->LookupByKey(field_.c_str());
    if (field == nullptr || field->value() == nullptr) return {};
    return field->value()->string_view();
  }

  std::string field_;
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace

ProcessorFactory account_time_zone(std::string field) {
  return [field = std::move(field)] { return std::make_unique<AccountTimeZone>(field); };
}

}  // namespace millrace::crm
