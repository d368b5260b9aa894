# SPDX-License-Identifier: Apache-2.0
"""The daemon's two processes: what the worker has left of its rights, and what happens when either dies."""
import os
import pathlib
import re
import signal
import socket

from e2e import GATEWAY4, SCANNER4, LabCase, main, wait_until
from lab import Lab
from probes import fan_out_requests

RINGBUF = "27"  # enum bpf_map_type


def status(pid):
    """/proc/PID/status as a dictionary."""
    lines = pathlib.Path("/proc/%d/status" % pid).read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def descriptors(pid):
    """Number -> (what it is, its fdinfo), of a process."""
    found = {}
    for entry in pathlib.Path("/proc/%d/fd" % pid).iterdir():
        try:
            found[int(entry.name)] = (os.readlink(entry), pathlib.Path("/proc/%d/fdinfo/%s" % (pid, entry.name)).read_text())
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


def ended(pid):
    try:
        return status(pid)["State"].startswith("Z")
    except FileNotFoundError:
        return True


class Processes(LabCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("daemon")
        cls.addClassCleanup(cls.lab.close)
        cls.lab.spawn("gateway", ["python3", "-m", "http.server", "8000", "--directory", cls.lab.bpffs], log="http")
        wait_until(lambda: cls.lab.accepts("gateway", "127.0.0.1", 8000), "the web server listens")

    def worker_of(self, wall):
        found = wall.pids()
        self.assertEqual(len(found), 2, "one guard and one worker")
        return found[1]

    def answered(self):
        return self.curl("scanner", "http://%s:8000/" % GATEWAY4, seconds=1) == (0, "200")

    # ---- what is known of a ban ---------------------------------------------------------------

    def test_operators_reason_survives_worker_and_daemon(self):
        wall = self.wall()
        wall.cli("bans", "add", "198.51.100.99", "--reason", "rude")
        wait_until(lambda: any(b"rude" in file.read_bytes() for file in (wall.dir / "state").glob("decisions.db*")),
                   "the reason is stored")  # the worker does that every 20 ms
        worker = self.worker_of(wall)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: len(wall.pids()) == 2 and self.worker_of(wall) != worker
                   and wall.cli_status().get("running"), "another worker answers")

        wait_until(lambda: wall.why("198.51.100.99")["note"] == "rude", "the new worker knows the reason")
        self.assertEqual([ban["note"] for ban in wall.bans()], ["rude"])
        wall.stop()
        self.assertEqual(wall.why("198.51.100.99")["note"], "rude")

    def test_why_names_the_exemption_when_the_daemon_is_dead(self):
        wall = self.wall(allow=["198.51.100.0/24"])
        wall.kill()

        why = wall.why("198.51.100.99")

        self.assertFalse(why["blocked"])
        self.assertEqual(why["allow"], "allow list of the configuration")

    def test_ban_that_was_refused_is_explained(self):
        wall = self.wall(allow=[SCANNER4])
        for arguments, _ in fan_out_requests("http://%s:8000" % GATEWAY4):
            self.curl("scanner", *arguments)
        wait_until(lambda: wall.why(SCANNER4)["refused"], "a ban was due")

        refused = wall.why(SCANNER4)["refused"]

        self.assertEqual(refused["reason"], "allowed")
        self.assertGreaterEqual(refused["score"], 100)
        self.assertIn("never blocked", wall.cli("why", SCANNER4, check=False).stdout)

    # ---- what the worker may ---------------------------------------------------------------

    def test_worker_has_no_capability_no_root_and_a_system_call_filter(self):
        wall = self.wall()
        worker = self.worker_of(wall)
        for thread in pathlib.Path("/proc/%d/task" % worker).iterdir():
            seen = status(int(thread.name))
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(seen[name], 16), 0, (thread.name, name))
            self.assertNotIn("0", seen["Uid"].split() + seen["Gid"].split())
            self.assertEqual((seen["NoNewPrivs"], seen["Seccomp"], seen["Groups"]), ("1", "2", ""))
        self.assertEqual(os.stat("/proc/%d/fd" % worker).st_uid, 0, "not dumpable: /proc entries belong to root")

    def test_worker_holds_rings_and_nothing_else_of_the_kernels_state(self):
        wall = self.wall()
        kinds = [(target, info) for target, info in descriptors(self.worker_of(wall)).values() if "bpf" in target]
        self.assertTrue(kinds, "the rings at least")
        for target, info in kinds:
            self.assertEqual(target, "anon_inode:bpf-map")
            self.assertEqual(re.search(r"^map_type:\s+(\d+)", info, re.M)[1], RINGBUF, info)

    def test_worker_with_the_perf_buffer_holds_no_table_at_all(self):
        wall = self.wall(capture__transport="perf")
        targets = [target for target, _ in descriptors(self.worker_of(wall)).values()]
        self.assertIn("anon_inode:[perf_event]", targets)
        self.assertEqual([t for t in targets if "bpf" in t], [])

    def test_guards_files_cannot_be_replaced_by_the_workers_user(self):
        wall = self.wall()
        wall.cli("allow", "add", "192.0.2.0/24")
        state = wall.dir / "state"
        uid, gid = (status(self.worker_of(wall))[key].split()[0] for key in ("Uid", "Gid"))
        as_worker = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups"]
        for attempt in ("mv %s/guard %s/other", "rm -rf %s/guard/allow.list; test ! -e %s/guard/allow.list",
                        "touch %s/guard/mine %s/guard/mine2"):
            self.assertNotEqual(self.lab.run("gateway", as_worker + ["sh", "-c", attempt % (state, state)], check=False).returncode, 0)
        self.assertIn("192.0.2.0/24", (state / "guard/allow.list").read_text())

    # ---- who dies --------------------------------------------------------------------------

    def test_killed_worker_is_replaced_and_blocks_hold(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4)
        first = self.worker_of(wall)
        os.kill(first, signal.SIGKILL)
        self.assertFalse(self.answered())
        wait_until(lambda: len(wall.pids()) == 2 and wall.pids()[1] != first, "another worker runs")
        wait_until(lambda: wall.cli("status", check=False).returncode == 0 and wall.blocked(SCANNER4), "it knows of the block")
        self.assertFalse(self.answered())

    def test_worker_does_not_outlive_a_killed_guard_and_the_block_does(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4)
        worker = self.worker_of(wall)
        os.kill(wall.process.pid, signal.SIGKILL)
        wall.process.wait()
        wait_until(lambda: ended(worker), "the worker has ended")
        self.assertFalse(self.answered())

    def test_stopped_daemon_leaves_the_block_and_no_socket(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4)
        worker = self.worker_of(wall)
        self.assertEqual(wall.stop(), 0)
        self.assertTrue(ended(worker))
        self.assertEqual(sorted(p.name for p in (wall.dir / "run").iterdir()), ["lock"])
        self.assertFalse(self.answered())
        wall.cli("detach")
        self.assertTrue(self.answered())

    # ---- starting --------------------------------------------------------------------------

    def test_service_manager_hears_ready_when_requests_are_read_and_stopping_at_the_end(self):
        path = self.lab.dir / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(path))
            manager.settimeout(60)
            os.environ["NOTIFY_SOCKET"] = str(path)
            try:
                wall = self.wall()
            finally:
                del os.environ["NOTIFY_SOCKET"]
            self.assertEqual(manager.recv(4096), b"READY=1")
            wall.stop()
            heard = b""
            while heard != b"STOPPING=1":
                heard = manager.recv(4096)
                self.assertTrue(heard.startswith((b"STATUS=", b"STOPPING=", b"WATCHDOG=")), heard)
        path.unlink()

    def test_interface_that_was_attached_before_stays_so_when_another_fails(self):
        wall = self.wall()
        wall.stop()
        before = self.xdp_of()
        self.assertTrue(before)
        wall.write_config(interfaces=["wan0", "eth77"])
        self.assert_one_line(wall.refuse_to_start(), 1, "eth77")
        self.assertTrue(self.xdp_of())
        wall.write_config(interfaces=["lan0", "eth77"])
        self.assert_one_line(wall.refuse_to_start(), 1, "eth77")
        self.assertEqual(self.xdp_of("lan0"), {})

    def test_address_taken_off_the_configured_allow_list_is_blocked_after_a_restart(self):
        wall = self.wall(allow=["203.0.113.0/24"])
        self.assertEqual(wall.cli("bans", "add", SCANNER4, check=False).returncode, 6)
        wall.kill()
        wall.write_config(allow=[])
        wall.start()
        self.assertTrue(self.answered())
        wall.cli("bans", "add", SCANNER4)
        self.assertFalse(self.answered())

    # ---- operating -------------------------------------------------------------------------

    def test_enforcing_that_nobody_confirms_goes_back_to_observing(self):
        wall = self.wall(mode="observe")
        wall.cli("bans", "add", SCANNER4)
        self.assertTrue(self.answered())
        wall.cli("enforce", "on", "--confirm", "2s")
        wait_until(lambda: not wall.cli_status()["enforcing"], "it observes again")
        self.assertTrue(self.answered())
        wall.cli("enforce", "on")
        wait_until(lambda: wall.cli_status()["enforcing"], "it enforces")
        self.assertFalse(self.answered())

    def test_bans_and_unbans_by_hand_are_in_the_event_log(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4, "--ttl", "1h", "--reason", "by hand")
        ban = wall.wait_event("decision", source=SCANNER4 + "/32")[0]
        self.assertEqual({key: ban[key] for key in ("id", "action", "score", "rules", "origin", "note")},
                         {"id": None, "action": "block", "score": 0, "rules": [], "origin": "operator", "note": "by hand"})
        self.assertIsNotNone(ban["until"])
        self.assertIn("by an operator: by hand", wall.cli("events", "--type", "decision").stdout)
        wall.cli("bans", "del", SCANNER4)
        wall.wait_event("unblock", source=SCANNER4 + "/32", why="operator")

    def test_expired_ban_is_reported_and_removed(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4, "--ttl", "1s")
        wall.wait_event("unblock", source=SCANNER4 + "/32", why="expired")
        self.assertTrue(self.answered())
        self.assertFalse(wall.blocked(SCANNER4))

    def test_allowing_a_source_lifts_its_block(self):
        wall = self.wall()
        wall.cli("bans", "add", SCANNER4)
        self.assertFalse(self.answered())
        wall.cli("allow", "add", "203.0.113.0/24")
        self.assertTrue(self.answered())
        self.assertEqual([ban["source"] for ban in wall.bans() if ban["origin"] == "operator"], [])


main()
