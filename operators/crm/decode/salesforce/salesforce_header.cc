#include "crm/decode/salesforce/salesforce_header.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

#include "crm/mapping/field_limits.h"
#include "crm/mapping/names.h"

namespace millrace::crm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

enum class HeaderMember : unsigned char {
  kEntityName,
  kRecordIds,
  kChangeType,
  kTransactionKey,
  kSequenceNumber,
  kCommitTimestamp,
  kCommitNumber,
  kNulledFields,
  kChangedFields,
  kDiffFields,
  kLoadRows,
};
constexpr NameTable<HeaderMember, 11> kMembers{{
    {"entityName", HeaderMember::kEntityName},
    {"recordIds", HeaderMember::kRecordIds},
    {"changeType", HeaderMember::kChangeType},
    {"transactionKey", HeaderMember::kTransactionKey},
    {"sequenceNumber", HeaderMember::kSequenceNumber},
    {"commitTimestamp", HeaderMember::kCommitTimestamp},
    {"commitNumber", HeaderMember::kCommitNumber},
    {"nulledFields", HeaderMember::kNulledFields},
    {"changedFields", HeaderMember::kChangedFields},
    {"diffFields", HeaderMember::kDiffFields},
    {"loadRows", HeaderMember::kLoadRows},
}};

constexpr NameTable<ChangeKind, 9> kChangeTypes{{
    {"CREATE", ChangeKind::kCreate},
    {"UPDATE", ChangeKind::kUpdate},
    {"DELETE", ChangeKind::kDelete},
    {"UNDELETE", ChangeKind::kUndelete},
    {"GAP_CREATE", ChangeKind::kGapCreate},
    {"GAP_UPDATE", ChangeKind::kGapUpdate},
    {"GAP_DELETE", ChangeKind::kGapDelete},
    {"GAP_UNDELETE", ChangeKind::kGapUndelete},
    {"GAP_OVERFLOW", ChangeKind::kOverflow},
}};

/// Not Salesforce's: whoever loads an entity writes them.
constexpr NameTable<LoadMark, 3> kLoadTypes{{
    {"LOAD_BEGIN", LoadMark::kBegan},
    {"LOAD", LoadMark::kRow},
    {"LOAD_END", LoadMark::kEnded},
}};

/// "0x4100" or "4-0x01": positions in a schema, which a client is to replace by names.
bool is_bitmap(std::string_view name) {
  const size_t digits = name.find_first_not_of("0123456789");
  return name.starts_with("0x") || (digits != 0 && digits != std::string_view::npos &&
                                    name.substr(digits).starts_with("-0x"));
}

class HeaderReader {
 public:
  HeaderReader(const JsonDocument& document, const JsonPlace& place)
      : document_(document), place_(place) {}

  Status read(object members, ChangeEventHeader& header) {
    MILLRACE_RETURN_IF_ERROR(collect(members));
    MILLRACE_RETURN_IF_ERROR(text(HeaderMember::kEntityName, true, header.entity_name));
    MILLRACE_RETURN_IF_ERROR(change_type(header));
    const bool is_mark = header.load == LoadMark::kBegan || header.load == LoadMark::kEnded;
    const bool has_data = !is_gap(header.kind) && header.kind != ChangeKind::kOverflow && !is_mark;
    header.version = {};
    MILLRACE_RETURN_IF_ERROR(
        number(HeaderMember::kCommitTimestamp, true, header.version.commit_timestamp_ms));
    MILLRACE_RETURN_IF_ERROR(
        number(HeaderMember::kSequenceNumber, has_data, header.version.sequence_number));
    MILLRACE_RETURN_IF_ERROR(
        text(HeaderMember::kTransactionKey, has_data, header.version.transaction_key));
    MILLRACE_RETURN_IF_ERROR(load(header));
    header.commit_number = commit_number();
    header.record_ids.clear();
    if (is_mark) return {};
    MILLRACE_RETURN_IF_ERROR(record_ids(header));
    MILLRACE_RETURN_IF_ERROR(field_names(HeaderMember::kNulledFields, header.nulled_fields));
    MILLRACE_RETURN_IF_ERROR(field_names(HeaderMember::kChangedFields, header.changed_fields));
    return field_names(HeaderMember::kDiffFields, header.diff_fields);
  }

 private:
  std::optional<element>& found(HeaderMember member) { return found_[static_cast<size_t>(member)]; }
  Error fault(HeaderMember member, std::string_view why) const {
    return document_.fault(place_.member(name_in(kMembers, member)), why);
  }
  Error missing(HeaderMember member) const {
    return document_.fault(place_, std::string(name_in(kMembers, member)) + " is missing");
  }

  /// Nulls count as missing.
  Status collect(object members) {
    for (const auto [key, value] : members) {
      const auto member = find_name(kMembers, key);
      if (!member || value.is_null()) continue;
      if (found(*member)) return fault(*member, "appears twice");
      found(*member) = value;
    }
    return {};
  }

  Status text(HeaderMember member, bool required, std::string_view& out) {
    out = {};
    if (!found(member)) return required ? Status(missing(member)) : Status();
    if (found(member)->get(out) != simdjson::SUCCESS) return fault(member, "must be a string");
    if (!is_field_name(out) && (required || !out.empty())) {
      return fault(member, "must have 1 to 255 bytes without control characters");
    }
    return {};
  }

  Status number(HeaderMember member, bool required, int64_t& out) {
    if (!found(member)) return required ? Status(missing(member)) : Status();
    if (found(member)->get(out) != simdjson::SUCCESS || out < 0) {
      return fault(member, "must be a non-negative integer");
    }
    return {};
  }

  /// Only for diagnosis, as Salesforce says, so any other form counts as missing. Some clients
  /// write it as a string, since it has more digits than a double.
  std::optional<uint64_t> commit_number() {
    const std::optional<element>& value = found(HeaderMember::kCommitNumber);
    uint64_t number = 0;
    if (!value || value->get(number) == simdjson::SUCCESS) {
      return value ? std::optional(number) : std::nullopt;
    }
    std::string_view text;
    if (value->get(text) != simdjson::SUCCESS) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
  }

  Status change_type(ChangeEventHeader& header) {
    std::string_view name;
    MILLRACE_RETURN_IF_ERROR(text(HeaderMember::kChangeType, true, name));
    header.load = find_name(kLoadTypes, name).value_or(LoadMark::kNone);
    if (header.load != LoadMark::kNone) {
      header.kind = ChangeKind::kCreate;
      return {};
    }
    const auto kind = find_name(kChangeTypes, name);
    if (!kind) return fault(HeaderMember::kChangeType, "is an unknown change type");
    header.kind = *kind;
    return {};
  }

  /// Records and marks of a load share a moment. A commit number would give records another place.
  Status load(ChangeEventHeader& header) {
    if (header.load == LoadMark::kNone) return {};
    if (found(HeaderMember::kCommitNumber)) {
      return fault(HeaderMember::kCommitNumber, "must be left out in a load");
    }
    int64_t rows = 0;
    MILLRACE_RETURN_IF_ERROR(
        number(HeaderMember::kLoadRows, header.load == LoadMark::kEnded, rows));
    header.load_rows = static_cast<uint64_t>(rows);
    return {};
  }

  Status record_ids(ChangeEventHeader& header) {
    // An overflow speaks of the whole entity and has an id of zeros.
    if (header.kind == ChangeKind::kOverflow) return {};
    MILLRACE_RETURN_IF_ERROR(texts(HeaderMember::kRecordIds, kRecordIdsMax, header.record_ids));
    if (header.record_ids.empty()) return missing(HeaderMember::kRecordIds);
    return {};
  }

  Status field_names(HeaderMember member, std::vector<std::string_view>& out) {
    MILLRACE_RETURN_IF_ERROR(texts(member, kHeaderFieldsMax, out));
    for (size_t i = 0; i < out.size(); ++i) {
      if (!is_bitmap(out[i])) continue;
      return document_.fault(place_.member(name_in(kMembers, member)).element(i),
                             "is a bitmap; the client must resolve it to field names");
    }
    return {};
  }

  Status texts(HeaderMember member, size_t elements_max, std::vector<std::string_view>& out) {
    out.clear();
    if (!found(member)) return {};
    array list;
    if (found(member)->get(list) != simdjson::SUCCESS) return fault(member, "must be an array");
    const JsonPlace list_place = place_.member(name_in(kMembers, member));
    for (const element one : list) {
      std::string_view name;
      if (one.get(name) != simdjson::SUCCESS || !is_field_name(name)) {
        return document_.fault(list_place.element(out.size()),
                               "must be a string of 1 to 255 bytes without control characters");
      }
      if (out.size() >= elements_max) {
        return fault(member, "has more than " + std::to_string(elements_max) + " elements");
      }
      out.push_back(name);
    }
    return {};
  }

  const JsonDocument& document_;
  const JsonPlace& place_;
  std::array<std::optional<element>, kMembers.size()> found_{};
};

}  // namespace

Status read_change_event_header(const JsonDocument& document, const JsonPlace& place, object object,
                                ChangeEventHeader& header) {
  return HeaderReader(document, place).read(object, header);
}

}  // namespace millrace::crm
