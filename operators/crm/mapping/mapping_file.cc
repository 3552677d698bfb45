#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "millrace/core/topology.h"

#include "crm/mapping/field_limits.h"
#include "crm/mapping/mapping.h"
#include "crm/mapping/names.h"
#include "crm/model/ids.h"

namespace millrace::crm {
namespace {

using nlohmann::json;

constexpr size_t kFileBytesMax = 1 << 20;
constexpr size_t kFaultsShown = 20;
constexpr int kDepthMax = 16;

/// Where in the file a value stands, e.g. `topics."crm.raw.sf".format`.
std::string below(const std::string& path, std::string_view name) {
  std::string text = path;
  if (!text.empty()) text += '.';
  const bool is_plain = name.find_first_of(". \"") == std::string_view::npos;
  return is_plain ? text.append(name) : text.append(1, '"').append(name).append(1, '"');
}

template <class E, size_t N>
std::string one_of(const NameTable<E, N>& table) {
  std::string text = "must be one of";
  for (const auto& [name, value] : table) text.append(text.back() == 'f' ? " " : ", ").append(name);
  return text;
}

/// Reads a mapping out of a document and keeps every fault with its path.
class MappingReader {
 public:
  Result<Mapping> read(const json& root) {
    Mapping mapping;
    if (check_object(root, "the file", {"topics", "survivorship"})) {
      if (const json* rules = member(root, "", "survivorship")) {
        read_survivorship(*rules, mapping.survivorship);
      }
      const json* topics = member(root, "", "topics", true);
      if (topics != nullptr && check_object(*topics, "topics")) {
        for (const auto& [name, value] : topics->items()) {
          mapping.topics.push_back(read_topic(name, value, below("topics", name)));
        }
        if (topics->empty()) fault("topics", "names no topic");
      }
    }
    check_types(mapping);
    if (faults_.empty()) return mapping;
    std::string message;
    for (size_t i = 0; i < std::min(faults_.size(), kFaultsShown); ++i) {
      message.append(i == 0 ? "" : "\n").append(faults_[i]);
    }
    if (faults_.size() > kFaultsShown) {
      message += "\nand " + std::to_string(faults_.size() - kFaultsShown) + " more faults";
    }
    return Error{ErrorCode::kConfig, std::move(message)};
  }

  void fault(const std::string& path, std::string_view what) {
    faults_.push_back(path + ": " + std::string(what));
  }

 private:
  /// With `allowed` also that the object has no other members.
  bool check_object(const json& value, const std::string& path,
                    std::initializer_list<std::string_view> allowed = {}) {
    if (!value.is_object()) {
      fault(path, "must be an object");
      return false;
    }
    if (allowed.size() == 0) return true;
    for (const auto& [name, unused] : value.items()) {
      if (std::ranges::find(allowed, name) != allowed.end()) continue;
      std::string what = "is unknown; allowed:";
      for (const std::string_view one : allowed) what.append(" ").append(one);
      fault(path == "the file" ? name : below(path, name), what);
    }
    return true;
  }

  const json* member(const json& object, const std::string& path, const char* name,
                     bool required = false) {
    const auto found = object.find(name);
    if (found != object.end()) return &*found;
    if (required) fault(below(path, name), "is missing");
    return nullptr;
  }

  std::string text(const json& object, const std::string& path, const char* name, bool required) {
    const json* value = member(object, path, name, required);
    if (value == nullptr) return {};
    if (const auto* found = value->get_ptr<const std::string*>()) return *found;
    fault(below(path, name), "must be a string");
    return {};
  }

  bool flag(const json& object, const std::string& path, const char* name) {
    const json* value = member(object, path, name);
    if (value == nullptr) return false;
    if (!value->is_boolean()) fault(below(path, name), "must be true or false");
    return value->is_boolean() && value->get<bool>();
  }

  void read_survivorship(const json& value, SurvivorshipPolicy& policy) {
    const std::string path = "survivorship";
    if (!check_object(value, path, {"default", "fields"})) return;
    if (const json* rule = member(value, path, "default")) {
      policy.standard = read_rule(*rule, below(path, "default"));
    }
    const json* fields = member(value, path, "fields");
    const std::string fields_path = below(path, "fields");
    if (fields == nullptr || !check_object(*fields, fields_path)) return;
    for (const auto& [name, rule] : fields->items()) {
      policy.fields[name] = read_rule(rule, below(fields_path, name));
    }
  }

  /// A rule's name, or an object with it and the sources in their order.
  FieldPolicy read_rule(const json& value, const std::string& path) {
    FieldPolicy policy;
    std::string name;
    if (const auto* plain = value.get_ptr<const std::string*>()) {
      name = *plain;
    } else if (value.is_object()) {
      check_object(value, path, {"rule", "sources"});
      name = text(value, path, "rule", true);
      if (name.empty()) return policy;
    } else {
      fault(path, "must be a rule's name or an object");
      return policy;
    }
    const auto rule = find_name(kSurvivorshipNames, name);
    if (!rule) {
      fault(path, one_of(kSurvivorshipNames));
      return policy;
    }
    policy.rule = *rule;
    const bool has_sources = value.is_object() && value.contains("sources");
    if (has_sources != (policy.rule == Survivorship::kSourcePriority)) {
      fault(path, "sources and source_priority need each other");
    } else if (has_sources) {
      policy.sources = read_sources(value["sources"], below(path, "sources"));
    }
    return policy;
  }

  std::vector<std::string> read_sources(const json& value, const std::string& path) {
    std::vector<std::string> sources;
    if (!value.is_array() || value.empty()) fault(path, "must be a list of sources");
    for (const auto& [index, source] : value.items()) {
      const auto* name = source.get_ptr<const std::string*>();
      std::string place = path;
      place.append("[").append(index).append("]");
      if (name == nullptr || !internal_id(*name, "x").ok()) {
        fault(place, "must be 1 to 32 of a-z 0-9 - _");
      } else if (std::ranges::find(sources, *name) != sources.end()) {
        fault(place, "appears twice");
      } else {
        sources.push_back(*name);
      }
    }
    return sources;
  }

  TopicMapping read_topic(const std::string& name, const json& value, const std::string& path) {
    TopicMapping topic;
    topic.topic = name;
    if (!is_legal_name(name, kTopicNameLengthMax)) fault(path, "is not a valid topic name");
    if (!check_object(value, path,
                      {"format", "source", "log_starts", "entities", "unavailable_value"})) {
      return topic;
    }
    const std::string format_name = text(value, path, "format", true);
    const auto format = find_name(kRawFormatNames, format_name);
    if (!format) {
      if (value.contains("format")) fault(below(path, "format"), one_of(kRawFormatNames));
      return topic;
    }
    topic.format = *format;
    if (topic.format == RawFormat::kFlatbuffers) {
      for (const char* none : {"source", "log_starts", "entities"}) {
        if (value.contains(none)) fault(below(path, none), "does not apply to flatbuffers");
      }
      return topic;
    }
    if (value.contains("unavailable_value")) {
      topic.unavailable_value = text(value, path, "unavailable_value", true);
      if (topic.format != RawFormat::kDebezium) {
        fault(below(path, "unavailable_value"), "applies to debezium only");
      } else if (topic.unavailable_value.empty()) {
        fault(below(path, "unavailable_value"), "must not be empty");
      }
    }
    topic.source = text(value, path, "source", true);
    if (!topic.source.empty() && !internal_id(topic.source, "x").ok()) {
      fault(below(path, "source"), "must be 1 to 32 of a-z 0-9 - _");
    }
    if (const json* starts = member(value, path, "log_starts")) {
      topic.log_starts = read_log_starts(*starts, below(path, "log_starts"));
    }
    const json* entities = member(value, path, "entities", true);
    const std::string entities_path = below(path, "entities");
    if (entities == nullptr || !check_object(*entities, entities_path)) return topic;
    // A topic of Debezium's transaction markers has none.
    if (entities->empty() && topic.format != RawFormat::kDebezium) {
      fault(entities_path, "names no entity");
    }
    for (const auto& [entity_name, entity] : entities->items()) {
      topic.entities.emplace(entity_name,
                             read_entity(entity, topic.format, below(entities_path, entity_name)));
    }
    return topic;
  }

  std::vector<int64_t> read_log_starts(const json& value, const std::string& path) {
    std::vector<int64_t> starts;
    if (!value.is_array()) {
      fault(path, "must be a list of moments");
      return starts;
    }
    for (const auto& [index, start] : value.items()) {
      std::string place = path;
      place.append("[").append(index).append("]");
      if (!start.is_number_unsigned()) {
        fault(place, "must be a moment in ms since 1970-01-01 UTC");
      } else if (!starts.empty() && starts.back() >= start.get<int64_t>()) {
        fault(place, "must be later than the one before it");
      } else {
        starts.push_back(start.get<int64_t>());
      }
    }
    return starts;
  }

  EntityMapping read_entity(const json& value, RawFormat format, const std::string& path) {
    EntityMapping entity;
    if (!check_object(value, path, {"type", "id", "parent", "master", "fields", "other_fields"})) {
      return entity;
    }
    const std::string type = text(value, path, "type", true);
    const auto kind = find_name(kEntityKindNames, type);
    if (kind) {
      entity.kind = *kind;
    } else if (value.contains("type")) {
      fault(below(path, "type"), one_of(kEntityKindNames));
    }
    const bool is_debezium = format == RawFormat::kDebezium;
    entity.id_field = text(value, path, "id", is_debezium);
    if (!is_debezium && value.contains("id")) {
      fault(below(path, "id"), "does not apply to Salesforce: the header carries the id");
    }
    const std::string others = text(value, path, "other_fields", false);
    entity.keep_others = others != "drop";
    if (value.contains("other_fields") && others != "keep" && others != "drop") {
      fault(below(path, "other_fields"), "must be keep or drop");
    }
    if (const json* fields = member(value, path, "fields")) {
      read_fields(*fields, below(path, "fields"), entity);
    }
    entity.parent = read_reference(value, path, "parent", entity);
    entity.master = read_reference(value, path, "master", entity);
    if (!entity.master.empty() && entity.kind != EntityKind::kAccount) {
      fault(below(path, "master"), "applies to accounts only");
    }
    return entity;
  }

  void read_fields(const json& fields, const std::string& path, EntityMapping& entity) {
    if (!check_object(fields, path)) return;
    for (const auto& [name, value] : fields.items()) {
      const std::string field_path = below(path, name);
      FieldMapping field = read_field(value, field_path);
      if (!field.dropped && !entity.names.insert(field.name).second) {
        fault(field_path, "maps to the same name as another field");
      }
      for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
        entity.compounds.insert(name.substr(0, dot));
      }
      entity.fields.emplace(name, std::move(field));
    }
  }

  /// A name, null (dropped) or an object.
  FieldMapping read_field(const json& value, const std::string& path) {
    FieldMapping field;
    if (value.is_null()) {
      field.dropped = true;
      return field;
    }
    if (const auto* name = value.get_ptr<const std::string*>()) {
      field.name = *name;
    } else if (value.is_object()) {
      check_object(value, path,
                   {"name", "personal", "reference", "type", "unit", "scale", "null_values"});
      field.name = text(value, path, "name", true);
      field.personal = flag(value, path, "personal");
      field.reference = flag(value, path, "reference");
      field.form = read_form(value, path);
      read_null_values(value, path, field.null_values);
      const bool is_text =
          field.form.type == FieldType::Undeclared || field.form.type == FieldType::Text;
      if (field.reference && !is_text) fault(path, "a reference is an id, and has no other type");
    } else {
      fault(path, "must be a name, null or an object");
      return field;
    }
    if (!is_field_name(field.name)) fault(path, "must have a name of 1 to 255 bytes");
    return field;
  }

  FieldForm read_form(const json& value, const std::string& path) {
    FieldForm form;
    if (const std::string word = text(value, path, "type", false); !word.empty()) {
      const auto type = find_name(kFieldTypeNames, word);
      if (!type) fault(below(path, "type"), one_of(kFieldTypeNames));
      form.type = type.value_or(FieldType::Undeclared);
    }
    if (const std::string word = text(value, path, "unit", false); !word.empty()) {
      const auto unit = find_name(kTimeUnitNames, word);
      if (!unit) fault(below(path, "unit"), one_of(kTimeUnitNames));
      if (form.type != FieldType::Date && form.type != FieldType::Moment) {
        fault(below(path, "unit"), "applies to the types date and moment only");
      }
      form.numbers.unit = unit.value_or(TimeUnit::kUnsaid);
    }
    if (const json* scale = member(value, path, "scale")) {
      constexpr int kScaleMax = 64;
      const bool is_number = form.type == FieldType::Decimal || form.type == FieldType::Integer;
      if (!is_number) fault(below(path, "scale"), "applies to the types integer and decimal only");
      if (!scale->is_number_integer() || scale->get<int64_t>() < 0 ||
          scale->get<int64_t>() > kScaleMax) {
        fault(below(path, "scale"), "must be 0 to 64");
      } else {
        form.scale = scale->get<int32_t>();
      }
    }
    return form;
  }

  void read_null_values(const json& value, const std::string& path,
                        std::vector<std::string>& null_values) {
    const json* texts = member(value, path, "null_values");
    if (texts == nullptr) return;
    const bool are_texts = texts->is_array() && std::ranges::all_of(*texts, [](const json& one) {
                             return one.is_string();
                           });
    if (!are_texts) return fault(below(path, "null_values"), "must be a list of strings");
    for (const json& one : *texts) null_values.push_back(one.get<std::string>());
  }

  /// A field of ours has one type, whatever source it comes from.
  void check_types(const Mapping& mapping) {
    std::map<std::pair<EntityKind, std::string>, FieldType> types;
    for (const TopicMapping& topic : mapping.topics) {
      for (const auto& [entity_name, entity] : topic.entities) {
        for (const auto& [name, field] : entity.fields) {
          if (field.form.type == FieldType::Undeclared) continue;
          const auto [known, is_new] =
              types.try_emplace({entity.kind, field.name}, field.form.type);
          if (is_new || known->second == field.form.type) continue;
          const std::string path =
              below(below(below(below("topics", topic.topic), "entities"), entity_name), "fields");
          fault(below(path, name), "has another type elsewhere");
        }
      }
    }
  }

  /// Our name of the field that `name` calls by the source's; it becomes a reference.
  std::string read_reference(const json& value, const std::string& path, const char* name,
                             EntityMapping& entity) {
    const std::string source_name = text(value, path, name, false);
    if (source_name.empty()) return {};
    const auto mapped = entity.fields.find(source_name);
    if (mapped == entity.fields.end() || mapped->second.dropped) {
      fault(below(path, name), "must be one of the names in fields");
      return {};
    }
    mapped->second.reference = true;
    return mapped->second.name;
  }

  std::vector<std::string> faults_;
};

/// Parses without the habit of taking the last of two equal names.
Result<json> parse_strictly(std::string_view text) {
  std::vector<std::set<std::string>> names;
  std::string twice;
  bool too_deep = false;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    too_deep |= depth > kDepthMax;
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key && twice.empty() &&
        !names.back().insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return true;
  };
  try {
    json root = json::parse(text, watch, true, true);
    if (too_deep) return Error{ErrorCode::kConfig, "is nested too deeply"};
    if (twice.empty()) return root;
    return Error{ErrorCode::kConfig, "one object has \"" + twice + "\" twice"};
  } catch (const json::parse_error& error) {
    // "[json.exception.parse_error.101] parse error at line 3, column 5: …"
    const std::string_view what = error.what();
    const size_t from = what.find("] ");
    return Error{ErrorCode::kConfig,
                 std::string(from == std::string_view::npos ? what : what.substr(from + 2))};
  }
}

}  // namespace

Result<Mapping> parse_mapping(std::string_view text) {
  const Result<json> root = parse_strictly(text);
  if (!root.ok()) return root.status();
  return MappingReader().read(*root);
}

Result<Mapping> load_mapping(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(kFileBytesMax + 1, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(text.size())) && !stream.eof()) {
    return Error{ErrorCode::kConfig, file.string() + ": cannot be read"};
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kFileBytesMax) {
    return Error{ErrorCode::kConfig, file.string() + ": is larger than 1 MiB"};
  }
  Result<Mapping> mapping = parse_mapping(text);
  if (mapping.ok()) return mapping;
  return Error{ErrorCode::kConfig, file.string() + ": " + mapping.message()};
}

}  // namespace millrace::crm
