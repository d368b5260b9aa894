# Every .cpp of this folder belongs to the core. libnghttp2 reads HTTP/2's compressed headers.
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET GLOBAL libnghttp2>=1.43)
file(GLOB http_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cpp)
target_sources(probewall_core PRIVATE ${http_sources})
target_link_libraries(probewall_core PUBLIC PkgConfig::NGHTTP2)
