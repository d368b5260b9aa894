# Every .cpp of this folder belongs to the core.
file(GLOB servers_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cpp)
target_sources(probewall_core PRIVATE ${servers_sources})
