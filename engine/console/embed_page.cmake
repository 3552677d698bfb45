# Writes OUT, a source with the texts of FILES (names of the folder PAGE, separated by commas).
string(REPLACE "," ";" files "${FILES}")
set(mark PAGE)
set(entries)
foreach(name IN LISTS files)
  file(READ ${PAGE}/${name} text)
  string(FIND "${text}" ")${mark}\"" clash)
  if(NOT clash EQUAL -1)
    message(FATAL_ERROR "${name} has the mark that ends a literal")
  endif()
  string(LENGTH "${text}" length)
  if(length GREATER 60000)
    message(FATAL_ERROR "${name} is longer than a literal may be")
  endif()
  string(APPEND entries "    {\"${name}\", R\"${mark}(${text})${mark}\"},\n")
endforeach()
file(WRITE ${OUT} "// Generated from the console's page.
#include \"engine/console/page_routes.h\"

namespace millrace::engine {

std::span<const PageFile> page_files() {
  static constexpr PageFile kFiles[] = {
${entries}  };
  return kFiles;
}

}  // namespace millrace::engine
")
