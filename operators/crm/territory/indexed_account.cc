#include "crm/territory/indexed_account.h"

#include <optional>

namespace millrace::crm::territory {
namespace {

using Length = uint32_t;

template <class Number>
void append_number(std::string& packed, Number number) {
  packed.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append_text(std::string& packed, std::string_view text) {
  append_number(packed, static_cast<Length>(text.size()));
  packed.append(text);
}

void append_texts(std::string& packed, const std::vector<std::string>& texts) {
  append_number(packed, static_cast<Length>(texts.size()));
  for (const std::string& text : texts) append_text(packed, text);
}

/// Takes parts off the front of a row, as long as it has them.
class Unpacker {
 public:
  explicit Unpacker(std::string_view packed) : rest_(packed) {}

  template <class Number>
  Number number() {
    Number number = 0;
    const std::string_view bytes = take(sizeof number);
    if (is_whole_) bytes.copy(reinterpret_cast<char*>(&number), sizeof number);
    return number;
  }
  std::string_view text() { return take(number<Length>()); }
  /// Calls `each()` as often as the number says that comes next, while there are bytes.
  template <class Each>
  void repeat(Each&& each) {
    for (auto left = number<Length>(); left > 0 && is_whole_; --left) each();
  }
  /// Whether nothing was missing so far, and nothing is left.
  bool is_done() const { return is_whole_ && rest_.empty(); }

 private:
  std::string_view take(size_t size) {
    is_whole_ = is_whole_ && size <= rest_.size();
    if (!is_whole_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool is_whole_ = true;
};

void read_texts(Unpacker& row, std::vector<std::string>& texts) {
  texts.clear();
  row.repeat([&] { texts.emplace_back(row.text()); });
}

/// Returns whether the row has all that it must have.
bool read(std::string_view packed, AccountImage& image) {
  Unpacker row(packed);
  row.number<uint64_t>();
  image.fields.clear();
  bool is_typed = true;
  row.repeat([&] {
    const auto type = row.number<uint8_t>();
    is_typed = is_typed && type <= static_cast<uint8_t>(FieldType::MAX);
    const std::string_view name = row.text();
    image.fields.push_back({name, row.text(), static_cast<FieldType>(type)});
  });
  read_texts(row, image.choices.manual);
  read_texts(row, image.choices.excluded);
  return is_typed && row.is_done();
}

}  // namespace

std::string pack_account(uint64_t generation, const AccountImage& image) {
  std::string packed;
  append_number(packed, generation);
  append_number(packed, static_cast<Length>(image.fields.size()));
  for (const AccountField& field : image.fields) {
    append_number(packed, static_cast<uint8_t>(field.type));
    append_text(packed, field.name);
    append_text(packed, field.value.value_or(std::string_view()));
  }
  append_texts(packed, image.choices.manual);
  append_texts(packed, image.choices.excluded);
  return packed;
}

bool is_packed_account(std::string_view packed) {
  AccountImage image;
  return read(packed, image);
}

uint64_t generation_of(std::string_view packed) {
  return Unpacker(packed).number<uint64_t>();
}

void unpack_account(std::string_view packed, AccountImage& image) {
  read(packed, image);
}

}  // namespace millrace::crm::territory
