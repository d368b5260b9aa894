// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "control/api_types.hpp"

namespace probewall {

/// A row of the decision store as the API says it. `Row` is StoredDecision; control does not link
/// the store, those who have one do.
template <typename Row>
ApiDecision stored_decision(const Row& row) {
  ApiDecision d;
  d.id = row.id;
  d.action = to_string(row.action);
  d.made_us = row.made_at_us;
  d.until_us = row.until_us;
  d.score = row.score;
  d.rules = row.reasons;
  d.aims = row.aims;
  d.requests_seen = row.requests_seen;
  d.level = row.level;
  d.proven = row.proven;
  return d;
}

}  // namespace probewall
