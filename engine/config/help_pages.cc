#include "engine/config/help_pages.h"

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace millrace::engine {
namespace {

/// An option, or a positional argument, whose name then has no dashes.
struct HelpOption {
  std::vector<std::string> names{};
  std::string group{};
  std::string type{};     ///< empty: it takes no value
  std::string facts{};    ///< "required", its default; may be empty
  std::string meaning{};  ///< lines
  std::vector<std::string> choices{};
  bool is_required = false;
  bool is_repeated = false;

  bool is_positional() const { return names.front().front() != '-'; }
};

struct HelpCommand {
  std::vector<std::string> path{};  ///< without the program's name; empty: the program
  std::string meaning{};
  std::vector<HelpOption> options{};
  std::vector<HelpCommand> commands{};

  std::string words() const { return CLI::detail::join(path, " "); }
};

/// CLI11 shows the values of a choice as "TEXT:{a,b}".
std::vector<std::string> choices_in(const std::string& type) {
  const size_t open = type.find('{');
  const size_t close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) {
    return type == "BOOLEAN" ? std::vector<std::string>{"true", "false"}
                             : std::vector<std::string>{};
  }
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

HelpOption read_option(const CLI::Option& option) {
  HelpOption read{.group = option.get_group(),
                  .meaning = option.get_description(),
                  .is_required = option.get_required(),
                  .is_repeated = option.get_items_expected_max() > 1};
  for (const std::string& name : option.get_snames()) read.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) read.names.push_back("--" + name);
  if (read.names.empty()) read.names.push_back(option.get_name(true));
  if (option.get_items_expected_max() > 0) read.type = option.get_type_name();
  read.choices = choices_in(read.type);
  if (read.is_required) read.facts = "required";
  if (!option.get_default_str().empty()) {
    read.facts += (read.facts.empty() ? "default " : ", default ") + option.get_default_str();
  }
  return read;
}

HelpCommand read_command(const CLI::App& app, std::vector<std::string> path) {
  HelpCommand read{.path = std::move(path), .meaning = app.get_description()};
  for (const CLI::Option* option :
       app.get_options([](const CLI::Option* o) { return !o->get_group().empty(); })) {
    read.options.push_back(read_option(*option));
  }
  for (const CLI::App* command : app.get_subcommands(
           [](const CLI::App* c) { return !c->get_group().empty() && !c->get_name().empty(); })) {
    std::vector<std::string> below = read.path;
    below.push_back(command->get_name());
    read.commands.push_back(read_command(*command, std::move(below)));
  }
  return read;
}

/// Calls `visit` for the command and all below it.
void for_each(const HelpCommand& command, const auto& visit) {
  visit(command);
  for (const HelpCommand& below : command.commands) for_each(below, visit);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// The first sentence of a text in lines, without its stop.
std::string first_sentence(const std::string& text) {
  std::string line = replaced(text.substr(0, text.find("\n\n")), "\n", " ");
  line.resize(std::min(line.find(". "), line.find_last_not_of(" .:") + 1));
  return line;
}

std::string roff(const std::string& text) {
  return replaced(replaced(text, "\\", "\\e"), "-", "\\-");
}

/// A list of choices may be wider than a page.
std::string with_breaks(const std::string& type) {
  return replaced(type, ",", ",\\:");
}

/// Paragraphs are filled; lines that begin with a space stay lines.
void add_roff_lines(std::string& page, const std::string& text) {
  std::istringstream lines(text);
  bool is_literal = false;
  bool is_after_text = false;
  for (std::string line; std::getline(lines, line);) {
    const bool is_indented = line.starts_with(' ');
    if (is_indented != is_literal && !line.empty()) {
      page += is_indented ? ".RS\n.nf\n" : ".fi\n.RE\n";
      is_literal = is_indented;
    }
    if (line.empty()) {
      if (is_literal) page += ".fi\n.RE\n";
      if (is_after_text) page += ".PP\n";
      is_literal = is_after_text = false;
      continue;
    }
    line.erase(0, line.find_first_not_of(' '));
    page += "\\&" + roff(line) + "\n";  // a line may begin with a dot
    is_after_text = true;
  }
  if (is_literal) page += ".fi\n.RE\n";
}

void add_roff_options(std::string& page, const std::vector<HelpOption>& options) {
  std::string group;
  for (const HelpOption& option : options) {
    if (option.group != group) {
      group = option.group;
      page += ".PP\n" + roff(group) + ":\n";
    }
    std::string names;
    for (const std::string& name : option.names) {
      names += (names.empty() ? "\\fB" : ", \\fB") + roff(name) + "\\fR";
    }
    if (!option.type.empty()) names += " \\fI" + with_breaks(roff(option.type)) + "\\fR";
    if (!option.facts.empty()) names += " (" + roff(option.facts) + ")";
    page += ".TP\n" + names + "\n";
    std::istringstream lines(option.meaning);
    for (std::string line; std::getline(lines, line);) page += "\\&" + roff(line) + "\n";
  }
}

std::string synopsis(const std::string& program, const HelpCommand& command) {
  std::string line = "\\fB" + roff(program);
  if (!command.path.empty()) line += " " + roff(command.words());
  line += "\\fR [\\fIOPTION\\fR]...";
  if (!command.commands.empty()) line += " \\fICOMMAND\\fR ...";
  for (const HelpOption& option : command.options) {
    if (option.is_positional()) line += " \\fI" + roff(option.names.front()) + "\\fR";
  }
  return line;
}

std::string shell_words(const HelpCommand& command) {
  std::vector<std::string> words;
  for (const HelpCommand& below : command.commands) words.push_back(below.path.back());
  for (const HelpOption& option : command.options) {
    if (!option.is_positional())
      words.insert(words.end(), option.names.begin(), option.names.end());
  }
  return CLI::detail::join(words, " ");
}

/// "'topic dump:--type'|'topic dump:-t'": how the completion of bash knows the option.
std::string bash_pattern(const HelpCommand& command, const HelpOption& option) {
  std::string pattern;
  for (const std::string& name : option.names) {
    pattern += fmt::format("{}'{}:{}'", pattern.empty() ? "" : "|", command.words(), name);
  }
  return pattern;
}

std::string identifier(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return text;
}

/// For `_arguments`, inside single quotes: what ends a description or a message is escaped.
std::string zsh_text(const std::string& text) {
  std::string safe = replaced(text, "\\", "\\\\");
  for (const char* mark : {"[", "]", ":"}) safe = replaced(safe, mark, std::string("\\") + mark);
  return replaced(safe, "'", "'\\''");
}

std::string zsh_values(const HelpOption& option) {
  const std::string message = zsh_text(option.type.substr(0, option.type.find(':')));
  if (!option.choices.empty()) {
    return fmt::format(":{}:({})", message, CLI::detail::join(option.choices, " "));
  }
  for (const char* number : {"INT", "UINT", "FLOAT", "BYTES"}) {
    if (option.type.starts_with(number)) return fmt::format(":{}: ", message);
  }
  return fmt::format(":{}:_files", message);
}

std::string zsh_option(const HelpOption& option) {
  const std::string meaning = zsh_text(first_sentence(option.meaning));
  if (option.is_positional()) {
    return fmt::format(" \\\n    '{}{}'", option.is_repeated ? "*" : "", zsh_values(option));
  }
  std::string lines;
  for (const std::string& name : option.names) {
    lines += fmt::format(" \\\n    '{}{}[{}]{}'", option.is_repeated ? "*" : "", name, meaning,
                         option.type.empty() ? "" : zsh_values(option));
  }
  return lines;
}

std::string zsh_function(const std::string& program, const HelpCommand& command) {
  const auto name_of = [&](const HelpCommand& of) {
    return "_" + identifier(program + (of.path.empty() ? "" : " " + of.words()));
  };
  std::string text = name_of(command) + "() {\n";
  if (!command.commands.empty())
    text += "  local curcontext=$curcontext state\n  local -a line subcommands\n";
  text += command.commands.empty() ? "  _arguments" : "  _arguments -C";
  for (const HelpOption& option : command.options) text += zsh_option(option);
  if (command.commands.empty()) return text + "\n}\n\n";
  text += " \\\n    '1: :->command' \\\n    '*:: :->rest'\n  case $state in\n    command)\n";
  text += "      subcommands=(";
  std::string calls;
  for (const HelpCommand& below : command.commands) {
    text += fmt::format("\n        '{}:{}'", below.path.back(),
                        replaced(first_sentence(below.meaning), "'", "'\\''"));
    calls += fmt::format("        {}) {} ;;\n", below.path.back(), name_of(below));
  }
  return text +
         "\n      )\n      _describe command subcommands\n      ;;\n    rest)\n"
         "      case $line[1] in\n" +
         calls + "      esac\n      ;;\n  esac\n}\n\n";
}

}  // namespace

std::string man_page(const CLI::App& app) {
  const HelpCommand top = read_command(app, {});
  const std::string program = app.get_name();
  const std::string brief = first_sentence(top.meaning);
  std::string page =
      fmt::format(".TH {} 1 \"\" Millrace\n.ad l\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
                  roff(program), roff(program), roff(brief.substr(0, brief.find(": "))));
  page += synopsis(program, top) + "\n.SH DESCRIPTION\n";
  add_roff_lines(page, top.meaning);
  page += ".SH OPTIONS\n";
  add_roff_options(page, top.options);
  if (!top.commands.empty()) page += ".SH COMMANDS\n";
  for_each(top, [&](const HelpCommand& command) {
    if (command.path.empty() || !command.commands.empty()) return;
    page += ".SS \"" + synopsis(program, command) + "\"\n";
    add_roff_lines(page, command.meaning);
    add_roff_options(page, command.options);
  });
  page += ".SH EXIT STATUS\n";
  add_roff_lines(page, app.get_footer());
  return page;
}

std::string bash_completion(const CLI::App& app) {
  const HelpCommand top = read_command(app, {});
  const std::string program = app.get_name();
  std::string commands;
  std::string values;
  std::string words;
  for_each(top, [&](const HelpCommand& command) {
    if (!command.path.empty()) {
      std::vector<std::string> above = command.path;
      above.pop_back();
      commands += fmt::format("{}'{}:{}'", commands.empty() ? "" : "|",
                              CLI::detail::join(above, " "), command.path.back());
    }
    for (const HelpOption& option : command.options) {
      if (option.is_positional() || option.type.empty()) continue;
      values += fmt::format("    {}) words='{}' ;;\n", bash_pattern(command, option),
                            CLI::detail::join(option.choices, " "));
    }
    words += fmt::format("      '{}') words='{}' ;;\n", command.words(), shell_words(command));
  });
  std::string text = fmt::format("# Completion of {} for bash. Without words: files.\n_{}() {{\n",
                                 program, identifier(program));
  text += "  local at command= words=none\n";
  if (!commands.empty()) {
    text +=
        "  for ((at = 1; at < COMP_CWORD; ++at)); do\n"
        "    case \"$command:${COMP_WORDS[at]}\" in\n      " +
        commands + ") command+=\"${command:+ }${COMP_WORDS[at]}\" ;;\n    esac\n  done\n";
  }
  text += "  case \"$command:${COMP_WORDS[COMP_CWORD - 1]}\" in\n" + values + "  esac\n";
  text += "  if [[ $words == none ]]; then\n    case $command in\n" + words + "    esac\n  fi\n";
  text += "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n}\n";
  return text + fmt::format("complete -o default -F _{} {}\n", identifier(program), program);
}

std::string zsh_completion(const CLI::App& app) {
  const std::string program = app.get_name();
  std::string text = fmt::format("#compdef {}\n\n", program);
  for_each(read_command(app, {}),
           [&](const HelpCommand& command) { text += zsh_function(program, command); });
  return text + fmt::format("_{} \"$@\"\n", identifier(program));
}

void add_help_pages(CLI::App& app) {
  app.add_option_function<std::string>(
         "--help-as",
         [&app](const std::string& form) {
           // As --version does: prints, and ends with 0.
           throw CLI::CallForVersion(form == "man"    ? man_page(app)
                                     : form == "bash" ? bash_completion(app)
                                                      : zsh_completion(app),
                                     0);
         },
         "Print this as a manual page or as a completion.")
      ->check(CLI::IsMember({"man", "bash", "zsh"}))
      ->group("");
}

}  // namespace millrace::engine
