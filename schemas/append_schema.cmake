# cmake -DHEADER=<a_generated.h> -DBINARY_SCHEMA=<a.bfbs> -P append_schema.cmake
#
# Adds the compiled schema to the header that flatc made of it, as millrace::BinarySchema<Table> of
# each of its tables: by it Millrace writes rows as JSON. The template is declared in
# millrace/core/flat_schema.h.
file(READ ${HEADER} code)
string(REGEX MATCH "#ifndef (FLATBUFFERS_GENERATED_[A-Z0-9_]+)" guard "${code}")
set(guard MILLRACE_${CMAKE_MATCH_1})
# Only tables have the first of these functions; their objects have the second as well.
string(REPLACE ";" "" code "${code}")
string(CONCAT getter "TypeTable\\(\\)[ \n]*}[ \n]*static FLATBUFFERS_CONSTEXPR_CPP11 const char "
       "\\*GetFullyQualifiedName\\(\\) {[ \n]*return \"[^\"]+\"")
string(REGEX MATCHALL "${getter}" getters "${code}")
if(NOT getters)
  return()  # only enums
endif()

file(READ ${BINARY_SCHEMA} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
set(first)
set(schemas)
foreach(getter IN LISTS getters)
  string(REGEX REPLACE ".*\"([^\"]+)\"" "\\1" name "${getter}")
  string(REPLACE "." "::" name "::${name}")
  if(NOT first)
    set(first ${name})
    string(APPEND schemas "template <>\nstruct BinarySchema<${name}> {\n"
           "  static constexpr unsigned char kBytes[] = {${bytes}};\n};\n")
  else()
    string(APPEND schemas
           "template <>\nstruct BinarySchema<${name}> : BinarySchema<${first}> {};\n")
  endif()
endforeach()
file(APPEND ${HEADER} "
#ifndef ${guard}
#define ${guard}
namespace millrace {
template <class Table>
struct BinarySchema;
${schemas}}  // namespace millrace
#endif  // ${guard}
")
