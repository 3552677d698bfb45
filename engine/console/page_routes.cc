#include "engine/console/page_routes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "millrace/core/assert.h"

namespace millrace::engine {
namespace {

/// REQUIRES: there is such a file.
std::string text_of(std::string_view name) {
  const std::span<const PageFile> files = page_files();
  const auto found = std::ranges::find(files, name, &PageFile::name);
  MILLRACE_ASSERT(found != files.end(), "a route names a file that is not in the page");
  return std::string(found->text);
}

HttpParameter file_parameter(std::string_view suffix) {
  HttpParameter parameter{
      .name = "file", .meaning = "The file's name.", .type = HttpParameter::Type::kChoice};
  for (const PageFile& file : page_files()) {
    if (file.name.ends_with(suffix)) parameter.choices.emplace_back(file.name);
  }
  return parameter;
}

void add_files(QueryServer& server, std::string pattern, std::string summary,
               std::string_view suffix, const std::string& type) {
  server.route({.pattern = std::move(pattern),
                .right = Right::kNone,
                .summary = std::move(summary),
                .parameters = {file_parameter(suffix)},
                .content_type = type,
                .handler = [type](const HttpRequest& request) {
                  return HttpAnswer{.body = text_of(request.arguments.front()),
                                    .content_type = type + "; charset=utf-8"};
                }});
}

}  // namespace

void add_page_routes(QueryServer& server) {
  server.route({.pattern = "/console",
                .right = Right::kNone,
                .summary = "A page that shows all instances, for people.",
                .content_type = "text/html",
                .handler = [](const HttpRequest&) {
                  return HttpAnswer{.body = text_of("index.html"),
                                    .content_type = "text/html; charset=utf-8"};
                }});
  add_files(server, "/console/scripts/{file}", "A script of the page.", ".js", "text/javascript");
  add_files(server, "/console/styles/{file}", "A style of the page.", ".css", "text/css");
}

}  // namespace millrace::engine
