#pragma once

#include <span>
#include <string_view>

#include "millrace/engine/query_server.h"

namespace millrace::engine {

/// A file of the folder `page`, as it was when the program was built.
struct PageFile {
  std::string_view name;
  std::string_view text;
};
/// Generated from that folder by `embed_page.cmake`.
std::span<const PageFile> page_files();

/// The console's page at `/console`, its scripts and its style: for everybody, as they hold nothing
/// of the state.
void add_page_routes(QueryServer& server);

}  // namespace millrace::engine
