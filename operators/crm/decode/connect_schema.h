#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

#include "crm/values/field_form.h"

namespace millrace::crm {

/// The forms of a row's columns, from the schema that Kafka Connect's JSON converter sends along:
/// `{"type": "struct", "fields": [{"field": "amount", "type": "bytes", "name":
/// "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "2"}}, …]}`.
///
/// Plain strings say nothing: numbers, dates and codes come as strings too. Views die with the
/// document.
class ConnectSchema {
 public:
  void clear() { forms_.clear(); }
  /// Reads the struct of the row. For an envelope `member` names the row in it ("after"); empty:
  /// the schema is the row's. A schema of another shape says nothing.
  void read(simdjson::dom::element schema, std::string_view member);

  /// Undeclared, when the schema says nothing about `column`.
  FieldForm form_of(std::string_view column) const;

 private:
  std::vector<std::pair<std::string_view, FieldForm>> forms_;
};

}  // namespace millrace::crm
