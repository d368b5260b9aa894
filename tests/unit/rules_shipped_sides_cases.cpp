// SPDX-License-Identifier: Apache-2.0
// One product looked at from all sides.
#include "unit/rules_shipped_cases.hpp"

namespace probewall::test {

std::vector<Case> sides_cases() {
  const auto bare = [](std::string path) { return library(get(std::move(path))); };
  const Step index = post("/v2/repository/index", "{}");
  return {
      {"lmstudio-all-lists",
       {get("/lmstudio-greeting"), get("/api/v0/models"), get("/api/v1/models"), get("/v1/models")},
       {get("/lmstudio-greeting"), with({"Connection: Upgrade", "Upgrade: websocket"}, get("/llm")),
        get("/api/v0/models"), get("/api/v1/models"), get("/v1/models")}},
      {"sglang-all-sides",
       {get("/server_info"), get("/get_model_info"), get("/get_load"), get("/v1/models"),
        get("/metrics")},
       {get("/server_info", 404), get("/get_server_info"), get("/model_info", 404),
        get("/get_model_info"), get("/get_load"), get("/health"), get("/v1/models")}},
      {"tgi-all-sides",
       {get("/"), get("/info"), get("/health"), get("/metrics"), get("/v1/models")},
       {get("/health"), get("/info"), get("/metrics"), get("/v1/models"), at(30, get("/health")),
        get("/"), get("/info")}},
      {"triton-all-sides",
       {get("/v2"), get("/v2/health/ready"), index, get("/v2/models/a/config"),
        get("/v2/models/a/stats")},
       {get("/v2"), get("/v2/health/live"), get("/v2/health/ready"), get("/v2/models/a/config"),
        get("/v2/models/b/config"), get("/v2/models/a/stats"), get("/metrics")}},
      {"triton-all-sides-on",
       {at(0, get("/v2")), at(3, get("/v2/health/ready")), at(6, index),
        at(9, get("/v2/models/a/config")), at(12, get("/v2/models/a/stats")),
        at(15, get("/v2/logging"))},
       {get("/v2"), index, post("/v2/repository/models/a/load", "{}"), get("/v2/health/ready"),
        get("/v2/models/a/config"), get("/v2/models/a/stats"), get("/metrics")}},
      {"kobold-all-sides",
       {bare("/api/extra/version"), bare("/api/v1/model"), bare("/api/extra/perf"),
        bare("/api/v1/config/max_length"), bare("/api/v1/config/max_context_length")},
       {bare("/api/extra/version"), bare("/api/v1/info/version"), bare("/api/v1/model"),
        bare("/api/extra/true_max_context_length"), bare("/api/v1/config/max_context_length"),
        bare("/v1/models"), bare("/api/tags"),
        library(post("/api/extra/tokencount", R"({"prompt":"x"})")), bare("/api/extra/perf")}},
  };
}

}  // namespace probewall::test
