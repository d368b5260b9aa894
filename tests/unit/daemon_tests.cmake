if(NOT PROBEWALL_SANITIZE)
  probewall_unit_test(NAME daemon_guard_tests
    SOURCES guard_policy_test.cpp guard_allow_test.cpp guard_admin_test.cpp decoy_server_test.cpp
    LIBS probewall_guarding probewall_config)
  probewall_unit_test(NAME daemon_worker_tests SOURCES stored_bans_test.cpp worker_mirror_test.cpp entry_teller_test.cpp answer_watch_test.cpp LIBS probewall_daemon)
endif()
