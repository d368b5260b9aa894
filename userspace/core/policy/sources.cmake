target_sources(probewall_core PRIVATE ${CMAKE_CURRENT_LIST_DIR}/policy.cpp ${CMAKE_CURRENT_LIST_DIR}/request_rate.cpp)
