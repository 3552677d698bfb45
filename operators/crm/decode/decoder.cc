#include "crm/decode/decoder.h"

#include <string>
#include <vector>

#include "millrace/core/serde.h"

#include "crm/decode/debezium.h"
#include "crm/decode/salesforce/salesforce.h"
#include "crm/model/account_row.h"

namespace millrace::crm {
namespace {

ChangeKind kind_of(ChangeType type) {
  switch (type) {
    case ChangeType::Create:
      return ChangeKind::kCreate;
    case ChangeType::Update:
      return ChangeKind::kUpdate;
    case ChangeType::Delete:
      return ChangeKind::kDelete;
    case ChangeType::Undelete:
      return ChangeKind::kUndelete;
    case ChangeType::Gap:
      break;
  }
  return ChangeKind::kGapUpdate;
}

/// AccountChange, whose names and ids are ours already. The mapping has nothing to say.
class AccountChangeDecoder final : public Decoder {
 public:
  Result<Decoded> decode(Bytes value, Bytes /*key*/) override {
    // A FlatBuffer has no order of reading: what fails is the buffer.
    if (const Status valid = Serde<AccountChange>::validate(value); !valid.ok()) {
      return Error{ErrorCode::kInvalidRecord, "byte 0: " + valid.message()};
    }
    Result<ChangeView> read = read_change(*flatbuffers::GetRoot<AccountChange>(value.data()));
    if (!read.ok()) return Error{ErrorCode::kInvalidRecord, "byte 0: " + read.message()};
    fields_.clear();
    for (const FieldView& field : read->fields) {
      fields_.push_back({field.name, field.value, field.type});
    }
    change_ = {.entity = &kAccount,
               .entity_name = "AccountChange",
               .id = read->id,
               .kind = kind_of(read->type),
               .version = read->version,
               .full_image = read->full_image,
               .fields = fields_,
               .encoded = value};
    return Decoded{.changes = {&change_, 1}};
  }

 private:
  static const EntityMapping kAccount;
  std::vector<DecodedField> fields_;
  Change change_;
};

const EntityMapping AccountChangeDecoder::kAccount{};

}  // namespace

std::unique_ptr<Decoder> make_decoder(const TopicMapping& mapping) {
  switch (mapping.format) {
    case RawFormat::kSalesforceCometd:
    case RawFormat::kSalesforcePubsub:
    case RawFormat::kSalesforceConnect:
      return make_salesforce_decoder(mapping);
    case RawFormat::kDebezium:
      return make_debezium_decoder(mapping);
    case RawFormat::kFlatbuffers:
      break;
  }
  return std::make_unique<AccountChangeDecoder>();
}

}  // namespace millrace::crm
