#include "apps/mapping/mapping_writer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "crm/mapping/names.h"

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

std::string json_text(std::string_view text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// A member of an object with the comment behind it.
struct Line {
  std::string text;
  std::string comment{};
};

/// Writes `{`, the lines with commas between them, `}`.
void append_block(std::string& out, const std::vector<Line>& lines, const std::string& indent) {
  out += "{\n";
  for (size_t i = 0; i < lines.size(); ++i) {
    out.append(indent).append("  ").append(lines[i].text);
    if (i + 1 < lines.size()) out += ',';
    if (!lines[i].comment.empty()) out.append("  // ").append(lines[i].comment);
    out += '\n';
  }
  out.append(indent).append("}");
}

std::string field_value(const FieldProposal& field) {
  if (field.name.empty()) return "null";
  Json json{{"name", field.name}};
  if (field.is_personal) json["personal"] = true;
  if (field.is_reference) json["reference"] = true;
  if (field.form.type != crm::FieldType::Undeclared) {
    json["type"] = std::string(crm::to_string(field.form.type));
    const bool is_time =
        field.form.type == crm::FieldType::Date || field.form.type == crm::FieldType::Moment;
    if (is_time && field.form.numbers.unit != crm::TimeUnit::kUnsaid) {
      json["unit"] = std::string(name_in(crm::kTimeUnitNames, field.form.numbers.unit));
    }
    const bool is_number =
        field.form.type == crm::FieldType::Decimal || field.form.type == crm::FieldType::Integer;
    if (is_number && field.form.scale && *field.form.scale >= 0) {
      json["scale"] = *field.form.scale;
    }
  }
  if (!field.null_values.empty()) json["null_values"] = field.null_values;
  if (json.size() == 1) return json_text(field.name);
  std::string text;
  for (const auto& [name, value] : json.items()) {
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", json_text(name),
                        value.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  return "{" + text + "}";
}

std::string entity_value(const EntityProposal& entity, const std::string& indent) {
  std::vector<Line> lines{{fmt::format("\"type\": {}", json_text(to_string(*entity.kind)))}};
  const auto add_name = [&lines](const char* member, const std::string& name) {
    if (!name.empty()) lines.push_back({fmt::format("\"{}\": {}", member, json_text(name))});
  };
  add_name("id", entity.id);
  add_name("parent", entity.parent);
  add_name("master", entity.master);
  std::vector<Line> fields;
  for (const FieldProposal& field : entity.fields) {
    fields.push_back(
        {fmt::format("{}: {}", json_text(field.field), field_value(field)), field.note});
  }
  std::string block = "\"fields\": ";
  append_block(block, fields, indent + "  ");
  lines.push_back({std::move(block)});
  std::string out;
  append_block(out, lines, indent);
  return out;
}

bool is_mapped(const EntityProposal& entity) {
  return entity.left_out.empty();
}

bool is_written(const TopicProposal& topic) {
  return std::ranges::any_of(topic.entities, is_mapped);
}

void append_comment(std::string& out, const std::string& indent, std::string_view text) {
  out.append(indent).append("// ").append(text).append("\n");
}

void append_topic(std::string& out, const TopicProposal& topic, bool is_last) {
  for (const std::string& note : topic.notes) append_comment(out, "    ", note);
  out += fmt::format("    {}: {{\n      \"format\": {},\n      \"source\": {},\n",
                     json_text(topic.topic), json_text(to_string(topic.format)),
                     json_text(topic.source));
  out += "      \"entities\": {\n";
  auto left = std::ranges::count_if(topic.entities, is_mapped);
  for (const EntityProposal& entity : topic.entities) {
    if (!is_mapped(entity)) {
      append_comment(out, "        ", fmt::format("{}: {}", entity.entity, entity.left_out));
      continue;
    }
    append_comment(out, "        ", fmt::format("{} records with fields", entity.rows));
    for (const std::string& note : entity.notes) append_comment(out, "        ", note);
    out.append("        ").append(json_text(entity.entity)).append(": ");
    out.append(entity_value(entity, "        ")).append(--left > 0 ? ",\n" : "\n");
  }
  out.append("      }\n    }").append(is_last ? "\n" : ",\n");
}

}  // namespace

bool has_entities(const std::vector<TopicProposal>& topics) {
  return std::ranges::any_of(topics, is_written);
}

std::string write_mapping(const std::vector<TopicProposal>& topics) {
  std::string out =
      "{\n"
      "  // A first mapping, from a sample of the topics' records. Read it line by line: comments\n"
      "  // with \"check\" say what was guessed. Columns that no line names are kept by their own\n"
      "  // names; \"other_fields\": \"drop\" beside \"fields\" leaves them out.\n"
      "  \"topics\": {\n";
  auto left = std::ranges::count_if(topics, is_written);
  for (const TopicProposal& topic : topics) {
    if (is_written(topic)) {
      append_topic(out, topic, --left == 0);
      continue;
    }
    append_comment(out, "    ", fmt::format("{}: nothing to map", topic.topic));
    for (const std::string& note : topic.notes) append_comment(out, "    ", note);
    for (const EntityProposal& entity : topic.entities) {
      append_comment(out, "    ", fmt::format("{}: {}", entity.entity, entity.left_out));
    }
  }
  return out += "  }\n}\n";
}

std::string describe_proposals(const std::vector<TopicProposal>& topics) {
  std::string out;
  for (const TopicProposal& topic : topics) {
    out += fmt::format("{}: format {}, source {}, {} records read\n", topic.topic,
                       to_string(topic.format), topic.source, topic.records);
    for (const std::string& note : topic.notes) out += fmt::format("  {}\n", note);
    for (const EntityProposal& entity : topic.entities) {
      if (!is_mapped(entity)) {
        out += fmt::format("  {}: not mapped: {}\n", entity.entity, entity.left_out);
        continue;
      }
      const auto personal = std::ranges::count_if(entity.fields, &FieldProposal::is_personal);
      const auto checks = std::ranges::count_if(entity.fields, [](const FieldProposal& field) {
        return field.note.find("check") != std::string::npos;
      });
      const auto dropped = std::ranges::count_if(
          entity.fields, [](const FieldProposal& field) { return field.name.empty(); });
      out += fmt::format(
          "  {} ({}): {} records, {} fields, {} personal, {} left out, {} to check{}\n",
          entity.entity, to_string(*entity.kind), entity.rows, entity.fields.size(), personal,
          dropped, checks, entity.id.empty() ? "" : fmt::format("; id {}", entity.id));
      for (const std::string& note : entity.notes) out += fmt::format("    {}\n", note);
    }
  }
  return out;
}

}  // namespace millrace::apps
