probewall_unit_test(NAME rules_tests
  SOURCES rules_language_test.cpp rules_conditions_test.cpp rules_score_test.cpp
          rules_shipped_test.cpp rules_shipped_scan_cases.cpp rules_shipped_sweep_cases.cpp rules_shipped_client_cases.cpp
          rules_shipped_exploit_cases.cpp rules_shipped_takeover_cases.cpp rules_shipped_web_cases.cpp rules_shipped_load_cases.cpp rules_shipped_traps_test.cpp
          rules_shipped_disguise_cases.cpp rules_shipped_stranger_cases.cpp rules_shipped_grab_cases.cpp rules_shipped_askers_test.cpp rules_shipped_sides_cases.cpp rules_shipped_sides_test.cpp rules_shipped_owners_test.cpp rules_shipped_probes_test.cpp rules_shipped_fleet_test.cpp
          rules_fields_test.cpp policy_test.cpp rules_memory_test.cpp rules_plan_test.cpp rules_repeats_test.cpp
          rules_prebuilt_test.cpp rules_coverage_test.cpp rules_shipped_work_test.cpp
  LIBS probewall_core probewall_config)
