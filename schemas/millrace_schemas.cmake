include_guard()
# millrace_add_schemas(<target> <a.fbs> ...)
#
# Compiles FlatBuffers schemas to headers `<name>_generated.h` and makes <target>, an interface
# library that carries their include path. Usable from an installed Millrace as well, for a user's
# own schemas.
# To install: `install(TARGETS <target> ... FILE_SET HEADERS DESTINATION <dir>)`.
function(millrace_add_schemas target)
  set(out_dir ${CMAKE_CURRENT_BINARY_DIR}/${target}_include)
  set(headers)
  foreach(schema IN LISTS ARGN)
    get_filename_component(name ${schema} NAME_WE)
    get_filename_component(path ${schema} ABSOLUTE)
    set(header ${out_dir}/${name}_generated.h)
    add_custom_command(
      OUTPUT ${header}
      COMMAND flatc --cpp --cpp-std c++17 --scoped-enums --gen-object-api --gen-name-strings
              --reflect-names --warnings-as-errors -o ${out_dir} ${path}
      DEPENDS ${path}
      VERBATIM)
    list(APPEND headers ${header})
  endforeach()
  add_custom_target(${target}_generate DEPENDS ${headers})
  add_library(${target} INTERFACE)
  add_dependencies(${target} ${target}_generate)
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS ${out_dir} FILES ${headers})
  # As a system directory, so that generated code is not held to a user's warnings.
  target_include_directories(${target} SYSTEM INTERFACE $<BUILD_INTERFACE:${out_dir}>)
  target_link_libraries(${target} INTERFACE flatbuffers::flatbuffers)
endfunction()
