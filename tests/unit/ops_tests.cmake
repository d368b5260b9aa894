# Configuration, storage, metrics, control socket and command line.
probewall_unit_test(NAME config_tests SOURCES config_test.cpp config_units_test.cpp LIBS probewall_config)
if(PROBEWALL_SANITIZE)
  return()
endif()
probewall_unit_test(NAME storage_tests SOURCES storage_test.cpp LIBS probewall_storage sqlite3)
probewall_unit_test(NAME metrics_tests SOURCES metrics_test.cpp LIBS probewall_metrics)
probewall_unit_test(NAME control_tests SOURCES control_test.cpp control_server_test.cpp LIBS probewall_control)
probewall_unit_test(NAME cli_tests SOURCES cli_test.cpp cli_rules_test.cpp cli_offline_test.cpp cli_text_test.cpp
    ${PROJECT_SOURCE_DIR}/userspace/cli/text.cpp ${PROJECT_SOURCE_DIR}/userspace/cli/table.cpp
    LIBS probewall_control probewall_config probewall_storage probewall_dataplane fmt::fmt)
add_dependencies(cli_tests probewall)
target_compile_definitions(cli_tests PRIVATE PROBEWALL_CLI="$<TARGET_FILE:probewall>")
