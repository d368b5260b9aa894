# SPDX-License-Identifier: Apache-2.0
"""What cannot work ends with one clear line and the right exit status, and leaves nothing behind."""
import socket
import struct

from e2e import BEHIND4, SCANNER4, LabCase, main
from lab import ROOT, run
from probewall import BIN

FAILED, UNREACHABLE, PERMISSION, CONFIG = 1, 3, 4, 5


class DaemonRefusesToStart(LabCase):
    def assert_refuses(self, wall, status, *words, argv_prefix=()):
        self.assert_one_line(wall.refuse_to_start(argv_prefix=argv_prefix), status, *words)
        self.assert_nothing_attached(wall)

    def test_unknown_interface(self):
        self.assert_refuses(self.wall(start=False, interfaces=["eth77"]), FAILED, "eth77")

    def test_unknown_interface_among_good_ones_attaches_nowhere(self):
        self.assert_refuses(self.wall(start=False, interfaces=["wan0", "eth77"]), FAILED, "eth77")

    def test_missing_capability(self):
        self.assert_refuses(self.wall(start=False), PERMISSION, argv_prefix=["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])

    def test_root_without_the_bpf_capability(self):
        self.assert_refuses(self.wall(start=False), PERMISSION,
                            argv_prefix=["setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin"])

    def test_kernel_without_type_information(self):
        hide = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"]
        self.assert_refuses(self.wall(start=False), FAILED, "BTF", argv_prefix=hide)

    def test_pin_directory_that_is_not_on_a_bpf_file_system(self):
        wall = self.wall(start=False)
        wall.write_config(paths__pin_directory=str(wall.dir / "no-bpffs"))
        self.assert_refuses(wall, FAILED, "bpf", "mount")

    def test_metrics_port_in_use(self):
        with self.lab.socket("gateway") as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", 9753))
            taken.listen()
            self.assert_refuses(self.wall(start=False), FAILED, "9753")

    def test_decoy_port_in_use(self):
        self.assert_refuses(self.wall(start=False, decoy_ports=[8000]), FAILED, "8000")

    def test_port_of_a_server_and_of_a_decoy(self):
        wall = self.wall(start=False, ports=[8000, 5005], decoy_ports=[5005])
        lines = [line.partition(" ")[0] for line in wall.config.read_text().splitlines()]
        places = ["%s:%d:1" % (wall.config, lines.index(key) + 1) for key in ("decoy_ports", "ports")]
        self.assert_refuses(wall, CONFIG, "5005", *places)

    def test_config_with_an_unknown_key_names_the_nearest_one(self):
        wall = self.wall(start=False)
        wall.config.write_text(wall.config.read_text() + "\n[block]\ntreshold = 50\n")
        self.assert_refuses(wall, CONFIG, "treshold", "threshold", str(wall.config), ":%d:" % wall.config.read_text().count("\n"))

    def test_config_with_a_value_of_the_wrong_kind(self):
        self.assert_refuses(self.wall(start=False, block__first="soon"), CONFIG, "first")

    def test_config_that_is_not_toml(self):
        wall = self.wall(start=False)
        wall.config.write_text("mode = \n")
        self.assert_refuses(wall, CONFIG, ":1:")

    def test_second_daemon_on_the_same_pins_is_refused_and_the_first_goes_on(self):
        wall = self.wall()
        wall.write_config(metrics__listen="127.0.0.1:9754")
        self.assert_one_line(wall.refuse_to_start(), FAILED)
        self.probe_until_blocked(BEHIND4)
        wall.wait_event("decision", source=SCANNER4 + "/32")


class ProgramsSayWhatIsWrong(LabCase):
    def cli(self, *words):
        return run([BIN / "probewall", *words], check=False)

    def test_no_daemon_is_unreachable(self):
        wall = self.wall(start=False)
        self.assert_one_line(wall.cli("events", check=False), UNREACHABLE)

    def test_unknown_command_is_a_usage_error(self):
        self.assertEqual(self.cli("frobnicate").returncode, 2)

    def test_config_check_names_file_line_and_column(self):
        wall = self.wall(start=False)
        wall.config.write_text('mode = "enforce"\nport = [80]\n')
        self.assert_one_line(wall.cli("config", "check", check=False), CONFIG, "%s:2" % wall.config, "ports")

    def test_replay_of_something_that_is_no_capture(self):
        path = self.lab.dir / "noise.pcap"
        path.write_bytes(b"this is not a capture file at all")
        self.assert_one_line(self.cli("replay", path), FAILED, "noise.pcap")

    def test_replay_of_a_missing_file(self):
        self.assert_one_line(self.cli("replay", self.lab.dir / "absent.pcap"), FAILED, "absent.pcap")

    def test_replay_of_a_cut_capture_judges_what_is_there_and_names_the_offset(self):
        whole = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1) + struct.pack("<IIII", 1767052800, 0, 60, 60) + bytes(60)
        path = self.lab.dir / "cut.pcap"
        path.write_bytes(whole + struct.pack("<IIII", 1767052801, 0, 60, 60) + bytes(10))
        done = self.cli("replay", path, "--json")
        self.assert_one_line(done, FAILED, str(len(whole)))
        self.assertIn('"packets":1', done.stdout.replace(" ", ""))

    def test_scripts_run_names_the_interfaces_there_are(self):
        self.assert_one_line(run([ROOT / "scripts/run", "eth77"], check=False), FAILED, "eth77", "lo")


main()
