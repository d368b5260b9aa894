# SPDX-License-Identifier: Apache-2.0
"""Nobody locks himself out: the gateway, own addresses and SSH peers cannot be blocked, whoever asks for it."""
import subprocess

from e2e import BEHIND4, CLIENT4, GATEWAY4, GATEWAY6, LOCAL4, LOCAL6, SCANNER4, SCANNER6, LabCase, main, wait_until
from lab import UPSTREAM4

REFUSED = 6


class Lockout(LabCase):
    def start_sshd(self):
        """A real sshd on the gateway, port 22, that lets root in with a key made here."""
        home = self.lab.dir / "ssh"
        home.mkdir(exist_ok=True)
        for name in ("host", "login"):
            if not (home / name).exists():
                self.lab.run("gateway", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name])
        home.chmod(0o700)
        self.lab.run("gateway", ["mkdir", "-p", "/run/sshd"])
        (home / "config").write_text(
            "Port 22\nListenAddress 0.0.0.0\nHostKey %s/host\nAuthorizedKeysFile %s/login.pub\nPermitRootLogin yes\n"
            "StrictModes no\nUsePAM no\nPidFile none\nAllowUsers root\nPasswordAuthentication no\n" % (home, home))
        daemon = self.lab.spawn("gateway", ["/usr/sbin/sshd", "-D", "-e", "-f", home / "config"], log="sshd")
        self.addCleanup(self.lab.stop, daemon)
        wait_until(lambda: self.lab.accepts("gateway", GATEWAY4, 22), "sshd listens")
        return home

    def log_in(self, home):
        """An interactive login from the client: a shell that answers lines."""
        session = self.lab.spawn("client", ["ssh", "-T", "-i", home / "login", "-o", "StrictHostKeyChecking=no",
                                            "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                                            "root@" + GATEWAY4, "cat"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(self.lab.stop, session)
        self.assertEqual(self.ask(session, b"hello\n"), b"hello\n")
        return session

    @staticmethod
    def ask(session, line):
        session.stdin.write(line)
        session.stdin.flush()
        return session.stdout.readline()

    def assert_refused(self, wall, address):
        done = wall.cli("bans", "add", address, check=False)
        self.assertEqual(done.returncode, REFUSED, done.stdout + done.stderr)
        self.assertFalse(wall.blocked(address))

    def test_operator_cannot_block_the_default_gateway(self):
        self.assert_refused(self.wall(), UPSTREAM4)

    def test_operator_cannot_block_an_own_address_of_either_family(self):
        wall = self.wall()
        for address in (GATEWAY4, GATEWAY6, "127.0.0.1", "10.77.0.1"):
            self.assert_refused(wall, address)

    def test_operator_cannot_block_an_address_added_while_running(self):
        wall = self.wall()
        self.lab.run("gateway", ["ip", "addr", "add", "192.0.2.77/32", "dev", "wan0"])
        self.addCleanup(self.lab.run, "gateway", ["ip", "addr", "del", "192.0.2.77/32", "dev", "wan0"])
        wait_until(lambda: any(e["prefix"] == "192.0.2.77/32" for e in wall.cli_json("allow", "list")["allow"]),
                   "the new address is in the allow list")
        self.assert_refused(wall, "192.0.2.77")

    def test_operator_cannot_block_what_the_configuration_allows_and_what_an_operator_allowed(self):
        wall = self.wall(allow=["198.51.100.0/24"])
        self.assert_refused(wall, CLIENT4)
        wall.cli("allow", "add", SCANNER4)
        self.assert_refused(wall, SCANNER4)
        wall.cli("allow", "del", SCANNER4)
        wall.cli("bans", "add", SCANNER4)
        self.assertTrue(wall.blocked(SCANNER4))

    def test_prefix_wider_than_the_limit_is_refused(self):
        wall = self.wall()
        self.assert_refused(wall, "64.0.0.0/7")

    def test_rules_do_not_block_a_prober_that_is_the_default_gateway_and_count_it(self):
        wall = self.wall()
        self.send_probes(LOCAL4, node="internet")
        wait_until(lambda: wall.metric("probewall_bans_suppressed_total", reason="allowed") >= 1, "the refusal is counted")
        self.assertEqual(wall.bans(), [])
        self.assertEqual(self.curl("internet", LOCAL4 + "/v1/models"), (0, "200"))

    def test_prober_that_shares_its_64_with_an_own_address_is_banned_alone(self):
        neighbour = SCANNER6.rpartition("::")[0] + "::1234"
        self.lab.run("gateway", ["ip", "addr", "add", neighbour + "/128", "dev", "lo"])
        self.addCleanup(self.lab.run, "gateway", ["ip", "addr", "del", neighbour + "/128", "dev", "lo"])
        wall = self.wall()
        self.probe_until_blocked(LOCAL6)
        wall.wait_event("decision", source=SCANNER6 + "/128")
        self.assertEqual([ban["source"] for ban in wall.bans()], [SCANNER6 + "/128"])
        why = wall.why(SCANNER6)
        self.assertEqual((why["blocked"], len(why["decision"]["rules"]) > 0, len(why["requests"]) > 0), (True, True, True))
        self.assert_refused(wall, neighbour)

    def test_peer_with_a_login_cannot_be_blocked_and_its_session_goes_on(self):
        wall = self.wall()
        session = self.log_in(self.start_sshd())
        wait_until(lambda: any(e["prefix"] == CLIENT4 + "/32" for e in wall.cli_json("allow", "list")["allow"]),
                   "the SSH peer is in the allow list")
        self.assert_refused(wall, CLIENT4)
        self.assertEqual(self.ask(session, b"still here\n"), b"still here\n")

    def test_open_connection_to_the_ssh_port_without_login_exempts_nobody(self):
        wall = self.wall()
        self.start_sshd()
        with self.lab.socket("scanner") as knock:
            knock.connect((GATEWAY4, 22))
            self.assertTrue(knock.recv(64).startswith(b"SSH-2.0"))
            self.probe_until_blocked(BEHIND4)
            wall.wait_event("decision", source=SCANNER4 + "/32")
        self.assertTrue(wall.blocked(SCANNER4))


main()
