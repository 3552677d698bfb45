# What surrounds the engine's loop. Included by engine/CMakeLists.txt, where the paths start.
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core)
find_package(tomlplusplus CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)

# The only users of libcrypto.
add_library(millrace_engine_secrets
  bearer.cc
  sealing.cc
  secret_file.cc)
add_library(millrace::engine_secrets ALIAS millrace_engine_secrets)
set_target_properties(millrace_engine_secrets PROPERTIES EXPORT_NAME engine_secrets)
target_include_directories(millrace_engine_secrets PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(millrace_engine_secrets
  PUBLIC millrace::core
  PRIVATE OpenSSL::Crypto $<BUILD_INTERFACE:millrace_build_flags>)

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

# HTTP, without an engine.
add_library(millrace_engine_queries
  file.cc
  query_server.cc
  query_server_file.cc
  query_server_router.cc)
add_library(millrace::engine_queries ALIAS millrace_engine_queries)
set_target_properties(millrace_engine_queries PROPERTIES EXPORT_NAME engine_queries)
target_sources(millrace_engine_queries PUBLIC FILE_SET HEADERS BASE_DIRS include FILES
  include/millrace/engine/query_server.h)
target_include_directories(millrace_engine_queries PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(millrace_engine_queries
  PUBLIC millrace::core
  PRIVATE millrace::engine_secrets fmt::fmt spdlog::spdlog Threads::Threads
    $<BUILD_INTERFACE:Boost::headers> $<BUILD_INTERFACE:nlohmann_json::nlohmann_json>
    $<BUILD_INTERFACE:millrace_build_flags>)

if(TARGET millrace_engine_kafka)
  add_library(millrace_engine_main query_server_routes.cc run_main.cc run_main_signals.cc)
  add_library(millrace::engine_main ALIAS millrace_engine_main)
  set_target_properties(millrace_engine_main PROPERTIES EXPORT_NAME engine_main)
  target_sources(millrace_engine_main PUBLIC FILE_SET HEADERS BASE_DIRS include FILES
    include/millrace/engine/run_main.h)
  target_include_directories(millrace_engine_main PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(millrace_engine_main
    PUBLIC millrace_engine_base millrace_engine_queries millrace_engine_runtime
    PRIVATE millrace_engine_kafka millrace_engine_secrets millrace_engine_snapshots
      fmt::fmt spdlog::spdlog Threads::Threads
      $<BUILD_INTERFACE:CLI11::CLI11> $<BUILD_INTERFACE:nlohmann_json::nlohmann_json>
      $<BUILD_INTERFACE:millrace_build_flags>)
  target_link_libraries(millrace_engine INTERFACE millrace_engine_main)
endif()
