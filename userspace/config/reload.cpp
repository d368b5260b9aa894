// SPDX-License-Identifier: Apache-2.0
#include "config/reload.hpp"

#include "config/schema.hpp"

namespace probewall {

Result<ReloadPlan> plan_reload(const Config& running, const Config& wanted) {
  ReloadPlan plan{running, {}, {}};
  for (const config::Field& field : config::schema()) {
    if (field.get(running) == field.get(wanted)) continue;
    (field.live ? plan.changed : plan.restart).push_back(field.key);
    if (field.live) field.copy(plan.next, wanted);
  }
  std::string key;
  if (const auto what = config::contradiction(plan.next, key)) {
    return fail(ExitStatus::kConfigInvalid,
                *what + " (the running value; that setting needs a restart of probewalld)");
  }
  return plan;
}

}  // namespace probewall
