# What surrounds the engine's loop. Included by engine/CMakeLists.txt, where the paths start.
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)

# Of its own, since the engine and what surrounds it both use it.
add_library(millrace_engine_base
  config_cli.cc
  config_engine.cc
  config_file.cc
  config_table.cc
  metrics.cc)
add_library(millrace::engine_base ALIAS millrace_engine_base)
set_target_properties(millrace_engine_base PROPERTIES EXPORT_NAME engine_base)
target_sources(millrace_engine_base PUBLIC FILE_SET HEADERS BASE_DIRS include FILES
  include/millrace/engine/config_table.h
  include/millrace/engine/metrics.h
  include/millrace/engine/options.h)
target_include_directories(millrace_engine_base PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(millrace_engine_base
  PUBLIC millrace::core prometheus-cpp::core
  PRIVATE fmt::fmt tomlplusplus::tomlplusplus $<BUILD_INTERFACE:CLI11::CLI11>
    $<BUILD_INTERFACE:millrace_build_flags>)
