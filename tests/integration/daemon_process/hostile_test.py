"""An open port is no liability: under each attack belayd keeps its memory, its other clients and its life.

Another client's slowest answers are compared with those that it gets when there is no attack; a machine's own
hiccups, up to NOISE_MS, are nobody's fault.
"""

import subprocess
import sys
import time

import access
import attacks
import harness
from belay.v1 import admin_pb2, session_pb2, storage_pb2

MEMORY_MIB = 128  # above idle
SLOWDOWN = 3
NOISE_MS = 20
PINGS = 500


class HostileTest(access.Test):

    def start_open(self, *arguments, **options):
        """A belayd on a unix socket and on a port, which has served somebody before its memory is taken."""
        belayd = self.start("--listen", "127.0.0.1:0", "--allow-plaintext-loopback", *arguments, **options)
        self.port = belayd.targets[1]
        self.friend = self.session(belayd, "friend")
        self.slowest_ms(lambda: False)
        self.usual_ms = self.slowest_ms(lambda: False)
        self.idle_mib = self.memory_mib(belayd, "VmRSS")
        return belayd

    def memory_mib(self, belayd, name):
        with open("/proc/%d/status" % belayd.process.pid, encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(name + ":")) / 1024

    def slowest_ms(self, goes_on):
        """The 99th percentile of the friend's round trips, of PINGS at least."""
        times_ms = []
        while len(times_ms) < PINGS or goes_on():
            begun = time.monotonic()
            self.friend.send(ping=session_pb2.Ping(nonce=len(times_ms)))
            self.friend.expect("pong")
            times_ms.append((time.monotonic() - begun) * 1000)
        return sorted(times_ms)[len(times_ms) * 99 // 100]

    def attack(self, belayd, name, token=None):
        begun = time.monotonic()
        attacker = subprocess.Popen([sys.executable, attacks.__file__, name, self.port])
        self.addCleanup(attacker.kill)
        slowest_ms = self.slowest_ms(lambda: attacker.poll() is None)
        peak_mib = self.memory_mib(belayd, "VmHWM") - self.idle_mib
        print("%s: %.1f s, %.1f MiB above idle, p99 %.2f ms, usually %.2f ms" %
              (name, time.monotonic() - begun, peak_mib, slowest_ms, self.usual_ms), file=sys.stderr)
        self.assertEqual(attacker.wait(), 0)
        self.assertIsNone(belayd.process.poll(), belayd.log_text())
        self.assertLess(peak_mib, MEMORY_MIB)
        self.assertLess(slowest_ms, max(SLOWDOWN * self.usual_ms, NOISE_MS))
        # And whoever comes after it by the same port is served.
        session = harness.Session(self.port, "after", token=token)
        self.addCleanup(session.close)
        session.request("resolve", name="none")

    def test_resets(self):
        belayd = self.start_open(store=False)
        self.attack(belayd, "resets")
        self.assertIn("RESET_RATE", belayd.log_text())

    def test_continuations(self):
        belayd = self.start_open(store=False)
        self.attack(belayd, "continuations")
        self.assertIn("HEADER_BLOCK_BYTES", belayd.log_text())

    def test_connections(self):
        belayd = self.start_open(store=False, descriptors=256)
        self.attack(belayd, "connections")
        self.assertIn("MAX_CONNECTIONS", belayd.log_text())

    def test_forged_tokens(self):
        # The friend and whoever comes after are users of the machine; the port is for who has a token.
        belayd = self.start_open("--tokens", self.write_tokens(shop="s"))
        with_token = self.as_user(self.port, "s")
        with_token.expect("welcome")
        self.attack(belayd, "forged_tokens", token="s")
        with_token.request("resolve", name="none")
        counts = {r.rule: r.count for r in self.admin(belayd).GetStats(admin_pb2.GetStatsRequest()).refusals}
        guesses = attacks.FORGED_CONNECTIONS * attacks.FORGED_BATCHES * attacks.FORGED_AT_ONCE
        # A call that gRPC has no thread for is refused by gRPC, before anybody looks at its token.
        self.assertGreater(counts["UNKNOWN_TOKEN"], 0)
        self.assertLessEqual(counts["UNKNOWN_TOKEN"], guesses)
        noted = self.admin(belayd).ListAudit(admin_pb2.ListAuditRequest()).entries
        self.assertLess(len(noted), 1000)
        self.assertNotIn("belay_", belayd.log_text())

    def test_slow_readers(self):
        belayd = self.start_open()
        self.storage(belayd).Put(storage_pb2.PutRequest(key=b"big", value=b"v" * (1 << 20)))
        self.attack(belayd, "slow_readers")

    def test_oversized_messages(self):
        self.attack(self.start_open(), "oversized")


if __name__ == "__main__":
    harness.main()
