#include "crm/decode/json_document.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "crm/mapping/field_limits.h"

namespace millrace::crm {
namespace {

/// Larger parsers and buffers are given back after the document that needed them.
constexpr size_t kKeptBytesMax = 256 << 10;
constexpr size_t kShownNameBytesMax = 64;

/// Finds the byte at which a document stops being JSON; simdjson only says that it does.
class FaultFinder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  size_t position = 0;  ///< counts from 1; 0: no fault

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t at, const std::string&, const nlohmann::json::exception&) override {
    position = at;
    return false;
  }
};

/// The first bracket that is nested deeper than allowed; 0 when there is none.
size_t too_deep_at(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDocumentDepthMax) return i;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return 0;
}

size_t broken_at(std::string_view text, simdjson::error_code error) {
  if (error == simdjson::DEPTH_ERROR) return too_deep_at(text);
  FaultFinder finder;
  nlohmann::json::sax_parse(text.begin(), text.end(), &finder);
  return finder.position == 0 ? 0 : finder.position - 1;
}

/// From the root down.
std::vector<const JsonPlace*> steps_to(const JsonPlace& place) {
  std::vector<const JsonPlace*> steps;
  for (const JsonPlace* at = &place; at->parent != nullptr; at = at->parent) steps.push_back(at);
  std::ranges::reverse(steps);
  return steps;
}

bool is_shown(std::string_view name) {
  return name.size() <= kShownNameBytesMax && std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
         });
}

Error fault_at(size_t byte, std::string_view what) {
  std::string message = "byte " + std::to_string(byte) + ": ";
  return {ErrorCode::kInvalidRecord, message.append(what)};
}

/// As a JSON pointer, whose escapes are only needed for names that are not shown.
std::string pointer_to(const JsonPlace& place, bool for_people) {
  std::string pointer;
  for (const JsonPlace* step : steps_to(place)) {
    pointer += '/';
    if (step->name.empty()) {
      pointer += std::to_string(step->index);
    } else if (for_people) {
      pointer += is_shown(step->name) ? step->name : "?";
    } else {
      for (const char c : step->name) {
        if (c == '~') pointer += "~0";
        if (c == '/') pointer += "~1";
        if (c != '~' && c != '/') pointer += c;
      }
    }
  }
  return pointer;
}

/// The byte at which the value begins. nullopt: the document has no such place.
std::optional<size_t> byte_at(const std::string& padded, size_t size, const JsonPlace& place) {
  namespace ondemand = simdjson::ondemand;
  ondemand::parser parser;
  ondemand::document document;
  const simdjson::padded_string_view text(padded.data(), size, padded.size());
  if (parser.iterate(text).get(document) != simdjson::SUCCESS) return std::nullopt;
  const std::string pointer = pointer_to(place, false);
  if (!pointer.empty()) {
    ondemand::value value;
    if (document.at_pointer(pointer).get(value) != simdjson::SUCCESS) return std::nullopt;
  }
  const char* at = nullptr;
  if (document.current_location().get(at) != simdjson::SUCCESS) return std::nullopt;
  if (at < padded.data() || at > padded.data() + size) return std::nullopt;
  return static_cast<size_t>(at - padded.data());
}

/// The same; a place within a text of the document is where that text begins.
size_t byte_of(const std::string& padded, size_t size, const JsonPlace& place) {
  for (const JsonPlace* at = &place; at != nullptr; at = at->parent) {
    if (const auto byte = byte_at(padded, size, *at)) return *byte;
  }
  return 0;
}

}  // namespace

JsonDocument::JsonDocument() = default;
JsonDocument::~JsonDocument() = default;

Result<simdjson::dom::element> JsonDocument::parse(std::string_view text) {
  if (text.size() > kDocumentBytesMax) {
    return fault_at(kDocumentBytesMax,
                    "longer than " + std::to_string(kDocumentBytesMax) + " bytes");
  }
  if (parser_ == nullptr || parser_->capacity() > std::max(kKeptBytesMax, text.size())) {
    parser_ = std::make_unique<simdjson::dom::parser>(kDocumentBytesMax);
    if (parser_->allocate(kKeptBytesMax / 4, kDocumentDepthMax) != simdjson::SUCCESS) {
      throw std::bad_alloc();
    }
    padded_ = {};
  }
  size_ = text.size();
  padded_.reserve(size_ + simdjson::SIMDJSON_PADDING);
  padded_.assign(text).append(simdjson::SIMDJSON_PADDING, ' ');
  simdjson::dom::element root;
  const simdjson::error_code error = parser_->parse(padded_.data(), size_, false).get(root);
  if (error == simdjson::SUCCESS) return root;
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  return fault_at(broken_at(text, error),
                  std::string("not valid JSON: ") + simdjson::error_message(error));
}

Error JsonDocument::fault(const JsonPlace& place, std::string_view why) const {
  const std::string shown = pointer_to(place, true);
  std::string what = shown.empty() ? "the document" : shown;
  what.append(": ").append(why);
  return fault_at(byte_of(padded_, size_, place), what);
}

}  // namespace millrace::crm
