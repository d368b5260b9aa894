find_package(yaml-cpp REQUIRED)
pkg_check_modules(HS REQUIRED IMPORTED_TARGET libhs)

set(probewall_rules_dir ${PROJECT_SOURCE_DIR}/userspace/rules)
set(probewall_rules_cpp ${CMAKE_CURRENT_BINARY_DIR}/builtin_rules.cpp)
file(GLOB probewall_rule_files CONFIGURE_DEPENDS ${probewall_rules_dir}/*.yaml)
add_custom_command(
  OUTPUT ${probewall_rules_cpp}
  COMMAND ${CMAKE_COMMAND} -DOUT=${probewall_rules_cpp} -DDIR=${probewall_rules_dir}
          -P ${CMAKE_CURRENT_LIST_DIR}/embed_rules.cmake
  DEPENDS ${probewall_rule_files} ${CMAKE_CURRENT_LIST_DIR}/embed_rules.cmake
  VERBATIM)

target_sources(probewall_core PRIVATE
  ${CMAKE_CURRENT_LIST_DIR}/body_fields.cpp
  ${CMAKE_CURRENT_LIST_DIR}/compile_conditions.cpp
  ${CMAKE_CURRENT_LIST_DIR}/compiler.cpp
  ${CMAKE_CURRENT_LIST_DIR}/evaluate.cpp
  ${CMAKE_CURRENT_LIST_DIR}/features.cpp
  ${CMAKE_CURRENT_LIST_DIR}/pattern_db.cpp
  ${CMAKE_CURRENT_LIST_DIR}/rule_set.cpp
  ${CMAKE_CURRENT_LIST_DIR}/server_table.cpp
  ${CMAKE_CURRENT_LIST_DIR}/source_list.cpp
  ${CMAKE_CURRENT_LIST_DIR}/source_memory.cpp
  ${CMAKE_CURRENT_LIST_DIR}/source_table.cpp
  ${CMAKE_CURRENT_LIST_DIR}/words.cpp
  ${CMAKE_CURRENT_LIST_DIR}/yaml_node.cpp
  ${probewall_rules_cpp})
target_link_libraries(probewall_core PRIVATE yaml-cpp PkgConfig::HS)
