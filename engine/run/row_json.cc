#include "engine/run/row_json.h"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "millrace/state/timer_queue.h"

#include "engine/base/hexadecimal.h"

namespace millrace::engine {
namespace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson hex_json(Bytes bytes) {
  return {{"hex", hexadecimal(bytes.view())}};
}

/// Nothing when `text` is not JSON: an application's own code wrote it.
std::optional<OrderedJson> parsed(std::string_view text) {
  OrderedJson value = OrderedJson::parse(text, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

std::optional<OrderedJson> typed_json(const TypeInfo& type, Bytes bytes) {
  const Result<std::string> text = type.json(bytes);
  return text.ok() ? parsed(*text) : std::nullopt;
}

std::optional<OrderedJson> key_json(const TypeInfo& type, Bytes key, const RowView& view) {
  std::optional<OrderedJson> shown = typed_json(type, key);
  return shown || !view.shows_all ? shown : hex_json(key);
}

std::optional<OrderedJson> value_json(const TypeInfo& type, Bytes value, const RowView& view) {
  std::optional<OrderedJson> shown = typed_json(type, value);
  if (view.shows_all) return shown ? shown : hex_json(value);
  if (shown && view.mask) {
    const std::optional<std::string> masked = view.mask(shown->dump());
    shown = masked ? parsed(*masked) : std::nullopt;
  }
  return shown && shown->is_object() ? shown : std::nullopt;
}

void add_or_hide(OrderedJson& row, const char* name, std::optional<OrderedJson> member) {
  if (member) {
    row[name] = *std::move(member);
  } else {
    row["hidden"] = true;
  }
}

OrderedJson timer_json(const StoreSpec& store, Bytes key, Bytes value, const RowView& view) {
  OrderedJson row = OrderedJson::object();
  const std::optional<TimerQueue::Taken> timer = TimerQueue::timer_of(key, value);
  if (timer) {
    add_or_hide(row, "key", key_json(store.key, Bytes(timer->key), view));
    row["kind"] = timer->kind;
    row["due_ms"] = timer->time_ms;
  } else if (view.shows_all) {
    row = {{"key", hex_json(key)}, {"value", hex_json(value)}};
  } else {
    row["hidden"] = true;
  }
  return row;
}

}  // namespace

std::optional<RowView> row_view(const StoreSpec& store, const RowMasks& masks, Rights rights,
                                const std::string* format) {
  const bool has_json = store.timers || store.value.write_json != nullptr;
  const bool is_hex = format == nullptr ? !has_json : *format == "hex";
  if (rights.has(Right::kRaw)) return RowView{.is_hex = is_hex, .shows_all = true};
  const auto mask = masks.find(store.name);
  if (mask == masks.end() || is_hex || !has_json) return std::nullopt;
  const bool hides = !rights.has(Right::kPersonal);
  return RowView{.mask = hides ? mask->second : RowMask()};
}

HttpParameter format_parameter() {
  return {.name = "format",
          .meaning =
              "json: by the store's types, which is the default where its values have such "
              "a form. hex: as bytes, for which callers need the right raw.",
          .type = HttpParameter::Type::kChoice,
          .choices = {"json", "hex"}};
}

OrderedJson row_json(const StoreSpec& store, Bytes key, Bytes value, const RowView& view) {
  if (view.is_hex) {
    return {{"key", key.view()},
            {"key_hex", hexadecimal(key.view())},
            {"value_hex", hexadecimal(value.view())}};
  }
  if (store.timers) return timer_json(store, key, value, view);
  OrderedJson row = OrderedJson::object();
  add_or_hide(row, "key", key_json(store.key, key, view));
  add_or_hide(row, "value", value_json(store.value, value, view));
  return row;
}

}  // namespace millrace::engine
