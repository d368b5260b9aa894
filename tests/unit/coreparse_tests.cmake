probewall_unit_test(NAME base_tests SOURCES base_test.cpp slot_index_test.cpp LIBS probewall_base)
probewall_unit_test(NAME decode_tests SOURCES decode_record_test.cpp LIBS probewall_core)
probewall_unit_test(
  NAME http_tests
  SOURCES http_head_test.cpp http_framing_test.cpp http_key_test.cpp http_text_test.cpp shown_text_test.cpp
  LIBS probewall_core)
probewall_unit_test(
  NAME llm_tests
  SOURCES llm_fields_test.cpp llm_json_test.cpp llm_classify_test.cpp llm_answers_test.cpp llm_refusal_test.cpp
  LIBS probewall_core)
probewall_unit_test(
  NAME flow_tests
  SOURCES
    flow_requests_test.cpp flow_reassembly_test.cpp flow_proof_test.cpp flow_budget_test.cpp
    flow_answers_test.cpp flow_repeats_test.cpp flow_lifetime_test.cpp flow_http2_connections_test.cpp
    flow_http2_requests_test.cpp flow_http2_limits_test.cpp flow_http2_answers_test.cpp
  LIBS probewall_core)
probewall_unit_test(NAME linear_time_tests SOURCES linear_time_test.cpp LIBS probewall_core)
