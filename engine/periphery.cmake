# What surrounds the engine's loop. Included by engine/CMakeLists.txt, where the paths start.
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)

# Of its own, since the engine and what surrounds it both use it.
add_library(millrace_engine_base metrics.cc)
add_library(millrace::engine_base ALIAS millrace_engine_base)
set_target_properties(millrace_engine_base PROPERTIES EXPORT_NAME engine_base)
target_sources(millrace_engine_base PUBLIC FILE_SET HEADERS BASE_DIRS include FILES
  include/millrace/engine/metrics.h)
target_link_libraries(millrace_engine_base
  PUBLIC millrace::core prometheus-cpp::core
  PRIVATE $<BUILD_INTERFACE:millrace_build_flags>)
