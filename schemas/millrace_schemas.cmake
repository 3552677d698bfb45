include_guard()
# millrace_add_schemas(<target> <a.fbs> ...)
#
# Compiles FlatBuffers schemas to headers `<name>_generated.h` and makes <target>, an interface
# library that carries their include path. The headers hold the compiled schemas too, so that rows
# with these tables can be asked for as JSON. Usable from an installed Millrace as well, for a
# user's own schemas.
# To install: `install(TARGETS <target> ... FILE_SET HEADERS DESTINATION <dir>)`.
function(millrace_add_schemas target)
  set(out_dir ${CMAKE_CURRENT_BINARY_DIR}/${target}_include)
  set(binary_dir ${CMAKE_CURRENT_BINARY_DIR}/${target}_binary)
  set(append_schema ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/append_schema.cmake)
  set(headers)
  set(paths)
  foreach(schema IN LISTS ARGN)
    get_filename_component(path ${schema} ABSOLUTE)
    list(APPEND paths ${path})
  endforeach()
  foreach(path IN LISTS paths)
    get_filename_component(name ${path} NAME_WE)
    set(header ${out_dir}/${name}_generated.h)
    # A compiled schema holds the tables of the schemas that it includes.
    add_custom_command(
      OUTPUT ${header}
      BYPRODUCTS ${binary_dir}/${name}.bfbs
      COMMAND flatc --cpp --cpp-std c++17 --scoped-enums --gen-object-api --gen-name-strings
              --reflect-names --warnings-as-errors -o ${out_dir} ${path}
      COMMAND flatc --binary --schema -o ${binary_dir} ${path}
      COMMAND ${CMAKE_COMMAND} -DHEADER=${header} -DBINARY_SCHEMA=${binary_dir}/${name}.bfbs
              -P ${append_schema}
      DEPENDS ${paths} ${append_schema}
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
