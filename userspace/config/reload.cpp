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
  if (const auto found = config::contradiction(plan.next)) {
    return fail(ExitStatus::kConfigInvalid,
                found->what + " (the running value; that setting needs a restart of probewalld)");
  }
  return plan;
}

}  // namespace probewall
