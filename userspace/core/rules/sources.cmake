find_package(yaml-cpp REQUIRED)
pkg_check_modules(HS REQUIRED IMPORTED_TARGET libhs)

set(probewall_rules_dir ${PROJECT_SOURCE_DIR}/userspace/rules)
set(probewall_rules_cpp ${CMAKE_CURRENT_BINARY_DIR}/builtin_rules.cpp)
set(probewall_rules_bin ${CMAKE_CURRENT_BINARY_DIR}/prebuilt_rules.bin)
set(probewall_prebuilt_cpp ${CMAKE_CURRENT_BINARY_DIR}/prebuilt_rules.cpp)
file(GLOB probewall_rule_files CONFIGURE_DEPENDS ${probewall_rules_dir}/*.yaml)
add_custom_command(
  OUTPUT ${probewall_rules_cpp}
  COMMAND ${CMAKE_COMMAND} -DOUT=${probewall_rules_cpp} -DDIR=${probewall_rules_dir}
          -P ${CMAKE_CURRENT_LIST_DIR}/embed_rules.cmake
  DEPENDS ${probewall_rules_dir} ${probewall_rule_files} ${CMAKE_CURRENT_LIST_DIR}/embed_rules.cmake
  VERBATIM)

# The compiler of the language, without the shipped rules: the build uses it on them (`build_rules` in
# rules_loader, as the core opens no file).
add_library(probewall_rule_language OBJECT
  ${CMAKE_CURRENT_LIST_DIR}/compile_conditions.cpp
  ${CMAKE_CURRENT_LIST_DIR}/compiler.cpp
  ${CMAKE_CURRENT_LIST_DIR}/pattern_db.cpp
  ${CMAKE_CURRENT_LIST_DIR}/plan.cpp
  ${CMAKE_CURRENT_LIST_DIR}/prebuilt.cpp
  ${CMAKE_CURRENT_LIST_DIR}/references.cpp
  ${CMAKE_CURRENT_LIST_DIR}/words.cpp
  ${CMAKE_CURRENT_LIST_DIR}/yaml_node.cpp)
target_include_directories(probewall_rule_language PUBLIC ${PROJECT_SOURCE_DIR}/userspace)
target_link_libraries(probewall_rule_language PUBLIC probewall_base fmt::fmt yaml-cpp PkgConfig::HS)

add_custom_command(
  OUTPUT ${probewall_rules_bin}
  COMMAND build_rules ${probewall_rules_bin} ${probewall_rules_dir}
  DEPENDS build_rules ${probewall_rules_dir} ${probewall_rule_files}
  VERBATIM)
file(CONFIGURE OUTPUT ${probewall_prebuilt_cpp} @ONLY CONTENT [[
// Generated: prebuilt_rules.bin as part of the program.
#include "core/rules/prebuilt.hpp"

__asm__(".section .rodata\n.balign 64\nprobewall_prebuilt_begin:\n.incbin \"@probewall_rules_bin@\"\n"
        "probewall_prebuilt_end:\n.previous\n");
extern "C" const char probewall_prebuilt_begin[];
extern "C" const char probewall_prebuilt_end[];

namespace probewall::rules {
std::string_view prebuilt_blob() {
  return {probewall_prebuilt_begin,
          static_cast<std::size_t>(probewall_prebuilt_end - probewall_prebuilt_begin)};
}
}  // namespace probewall::rules
]])
set_source_files_properties(${probewall_prebuilt_cpp} PROPERTIES OBJECT_DEPENDS ${probewall_rules_bin})

target_sources(probewall_core PRIVATE
  ${CMAKE_CURRENT_LIST_DIR}/body_fields.cpp
  ${CMAKE_CURRENT_LIST_DIR}/evaluate.cpp
  ${CMAKE_CURRENT_LIST_DIR}/fact_hashes.cpp
  ${CMAKE_CURRENT_LIST_DIR}/features.cpp
  ${CMAKE_CURRENT_LIST_DIR}/key_table.cpp
  ${CMAKE_CURRENT_LIST_DIR}/prompt_text.cpp
  ${CMAKE_CURRENT_LIST_DIR}/request_view.cpp
  ${CMAKE_CURRENT_LIST_DIR}/rule_set.cpp
  ${CMAKE_CURRENT_LIST_DIR}/server_table.cpp
  ${CMAKE_CURRENT_LIST_DIR}/source_list.cpp
  ${CMAKE_CURRENT_LIST_DIR}/source_memory.cpp
  ${CMAKE_CURRENT_LIST_DIR}/source_table.cpp
  $<TARGET_OBJECTS:probewall_rule_language>
  ${probewall_prebuilt_cpp}
  ${probewall_rules_cpp})
target_link_libraries(probewall_core PRIVATE yaml-cpp PkgConfig::HS)
