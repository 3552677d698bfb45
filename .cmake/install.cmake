# Installs headers, libraries and a package file, so that `find_package(millrace)` gives
# millrace::core, state, operators, engine, client, schemas and testing. The other libraries are
# installed because those are made of them; their names are nothing to rely on.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/millrace)

install(TARGETS millrace_core millrace_state millrace_operators millrace_engine millrace_testing
                millrace_engine_base millrace_engine_clients millrace_engine_group
                millrace_engine_kafka millrace_engine_main millrace_engine_http
                millrace_engine_client
                millrace_engine_runtime millrace_engine_secrets millrace_engine_snapshots
        EXPORT millrace-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# In a folder of their own: names such as `version_generated.h` are anybody's.
install(TARGETS millrace_schemas
        EXPORT millrace-targets
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/millrace/schemas)
install(EXPORT millrace-targets NAMESPACE millrace:: DESTINATION ${package_dir})
install(FILES schemas/append_schema.cmake schemas/millrace_schemas.cmake
        DESTINATION ${package_dir})

configure_package_config_file(.cmake/millrace-config.cmake.in millrace-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(millrace-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/millrace-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/millrace-config-version.cmake
        DESTINATION ${package_dir})
