// SPDX-License-Identifier: Apache-2.0
// Who runs first. A ban is late by every wait for a processor between packet and table, so the few
// threads on that way ask to run soon; they sleep nearly always and use little when they run.
#pragma once

namespace probewall {

/// The calling thread, and what it starts from now on, runs soon after it wakes: nice -10 and a
/// time slice of 0.1 ms (slices: Linux 6.12, ignored before). Needs CAP_SYS_NICE; without it
/// nothing changes, and only reaction times suffer.
void run_soon();

/// The calling thread, and what it starts from now on, waits its turn like any other process.
void run_in_turn();

/// Where the scheduler groups processes by session, nice counts inside a session only: asks the
/// same of the session, if it is this process's own. Best effort, like run_soon().
void prefer_own_session();

}  // namespace probewall
