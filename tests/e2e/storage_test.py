# SPDX-License-Identifier: Apache-2.0
"""A state directory that is full or read-only: filtering starts and goes on, what is not kept is said, it is kept again
when it can be, and a change of the allow list that cannot be stored changes nothing."""
import errno
import os

from e2e import BEHIND4, SCANNER4, LabCase, main, wait_until
from lab import run

FAILED = 1
OTHER = "198.18.0.9"
NOT_STORED = ("decisions are not stored", "the guard's files are not stored")


class Storage(LabCase):
    def small_disk(self, *options):
        directory = self.lab.dir / self._testMethodName
        directory.mkdir()
        run(["mount", "-t", "tmpfs", "-o", ",".join(("size=1m", *options)), "probewall-test", directory])
        self.addCleanup(run, ["umount", "-l", directory])
        return directory

    def wall_on(self, *options):
        """A Probewall whose state directory is a small file system of its own; not started."""
        state = self.small_disk(*options)
        return self.wall(start=False, storage__directory=str(state)), state

    def fill(self, state):
        with open(state / "filler", "ab", buffering=0) as file:
            for size in (65536, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError as e:
                    self.assertEqual(e.errno, errno.ENOSPC)

    def unstored(self, wall):
        return [words for words in NOT_STORED if any(w.startswith(words) for w in wall.cli_status()["warnings"])]

    def blocked(self):
        return self.curl("scanner", BEHIND4 + "/v1/models", seconds=1)[0] == 28

    def check_filters_and_says_so(self, wall):
        self.assertEqual(self.unstored(wall), list(NOT_STORED))
        doctor = wall.cli("doctor", check=False)
        self.assertNotEqual(doctor.returncode, 0)
        for words in NOT_STORED:
            self.assertIn(words, doctor.stdout)
            self.assertEqual(wall.log().count(words), 1, wall.log())
        self.probe_until_blocked(BEHIND4)
        wall.wait_event("decision", source=SCANNER4 + "/32")
        self.assertTrue(wall.blocked(SCANNER4))

    def check_keeps_again(self, wall):
        """And what is decided from now on is known after a restart."""
        wait_until(lambda: not self.unstored(wall), "it is stored again", 30)
        self.assertIn("decisions are stored again", wall.log())
        self.assertIn("the guard's files are stored again", wall.log())
        self.probe_until_blocked(BEHIND4, source=OTHER)
        wall.wait_event("decision", source=OTHER + "/32")
        reasons = lambda: (wall.why(OTHER).get("decision") or {}).get("rules")
        wait_until(reasons, "the reason is known")
        wall.stop()
        wall.start()
        self.assertTrue(reasons(), "and still is")
        self.assertTrue(self.blocked())

    def test_full(self):
        wall, state = self.wall_on()
        self.fill(state)
        wall.start()
        self.check_filters_and_says_so(wall)
        os.unlink(state / "filler")
        self.check_keeps_again(wall)
        wall.kill()
        self.fill(state)
        wall.start()
        self.assertTrue(self.blocked(), "a start on a disk that filled up meanwhile")

    def test_read_only(self):
        wall, state = self.wall_on("ro")
        wall.start()
        self.check_filters_and_says_so(wall)
        run(["mount", "-o", "remount,rw", state])
        self.check_keeps_again(wall)

    def test_event_file_that_cannot_be_made(self):
        disk = self.small_disk("ro")
        wall = self.wall(start=False, events__file=str(disk / "log/events.jsonl"))
        wall.start()
        told = lambda: [w for w in wall.cli_status()["warnings"] if w.startswith("events are not written: ")]
        wait_until(told, "status says so", 15)
        self.assertIn("Read-only file system", told()[0])
        self.assertEqual(wall.cli("doctor", check=False).stdout.count("events are not written"), 1)
        self.probe_until_blocked(BEHIND4)
        wait_until(self.blocked, "the probing source is blocked")
        run(["mount", "-o", "remount,rw", disk])
        wait_until(lambda: not told(), "events are written", 30)
        self.assertEqual([line.count("events are not written") for line in wall.log().splitlines() if "events are" in line], [1, 0])
        wall.cli("bans", "add", OTHER)
        wait_until(lambda: '"source":"%s/32"' % OTHER in (disk / "log/events.jsonl").read_text(), "an event is in the file")

    def test_allow_list_that_cannot_be_stored_stays_as_it_is(self):
        wall, state = self.wall_on()
        wall.start()
        wall.cli("bans", "add", SCANNER4)
        wall.cli("allow", "add", OTHER)
        listed = wall.cli_json("allow", "list")
        self.fill(state)
        for words in (["allow", "add", SCANNER4], ["allow", "del", OTHER]):
            done = wall.cli(*words, check=False)
            self.assertEqual(done.returncode, FAILED, done)
            self.assertIn("No space left on device; nothing was changed", done.stderr)
        self.assertEqual(wall.cli_json("allow", "list"), listed)
        self.assertTrue(self.blocked(), "the kernel has not changed either")
        self.assertEqual([p.name for p in state.rglob("*.new")], [])
        os.unlink(state / "filler")
        wall.cli("allow", "add", SCANNER4)
        self.assertFalse(self.blocked())
        wall.cli("allow", "del", OTHER)
        wall.stop()
        wall.start()
        self.assertEqual(sorted(row["prefix"] for row in wall.cli_json("allow", "list")["allow"] if "operator" in str(row)),
                         [SCANNER4 + "/32"])


main()
