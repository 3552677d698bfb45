#pragma once

#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
}  // namespace CLI

namespace millrace::engine {

/// Other forms of a program's `--help`, from the same table: commands, options and footer of `app`.
/// Hidden options and commands are in none of them.
///
/// A manual page of section 1, in man(7).
std::string man_page(const CLI::App& app);
/// Completion of commands, options and their values: files where no list of values is known.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);

/// Adds the hidden option `--help-as man|bash|zsh`, which prints one of them and ends the program.
/// `app` has to have a name. Call it on the top command.
void add_help_pages(CLI::App& app);

}  // namespace millrace::engine
