"""belayctl against a real belayd: each verb, its JSON, and its exit codes.

Arguments: the paths of belayd, belayctl and the sample remote_host.
"""

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BELAYD, BELAYCTL, REMOTE_HOST = (os.path.abspath(path) for path in sys.argv[1:4])

OK, NEGATIVE, USAGE, UNREACHABLE, DENIED, STATUS = 0, 1, 2, 3, 4, 64
REVOKED = 36


class Belayctl(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        # Short: a socket's path has at most 107 bytes.
        cls.folder = tempfile.mkdtemp(prefix="belay-", dir="/tmp")
        cls.endpoint = f"unix:{cls.folder}/s"
        cls.log = open(f"{cls.folder}/log", "wb")
        cls.daemon = subprocess.Popen([BELAYD, "--listen", cls.endpoint, "--data", f"{cls.folder}/data",
                                       "--backup-dir", cls.folder],
                                      stdout=cls.log, stderr=cls.log)
        deadline = time.monotonic() + 30
        while cls.ctl("health").returncode != OK:
            if cls.daemon.poll() is not None or time.monotonic() > deadline:
                with open(f"{cls.folder}/log", encoding="utf-8") as log:
                    raise RuntimeError("belayd does not serve:\n" + log.read())
            time.sleep(0.02)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.terminate()
        try:
            code = cls.daemon.wait(timeout=30)
        finally:
            cls.log.close()
            shutil.rmtree(cls.folder, ignore_errors=True)
        if code != 0:
            raise RuntimeError(f"belayd ended with {code} on SIGTERM")

    @classmethod
    def ctl(cls, *arguments, stdin=None, endpoint=None, env=None):
        environment = {"PATH": "/usr/bin:/bin", "HOME": cls.folder, **(env or {})}
        command = [BELAYCTL, *arguments, "--endpoint", endpoint or cls.endpoint]
        return subprocess.run(command, input=stdin, capture_output=True, timeout=60, env=environment,
                              check=False)

    def ok(self, *arguments, stdin=None):
        done = self.ctl(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, OK, f"{arguments}: {done.stderr.decode()}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.ok(*arguments, "-o", "json"))

    def fails(self, code, *arguments, stdin=None):
        done = self.ctl(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout!r} {done.stderr!r}")
        self.assertTrue(done.stderr.startswith(b"belayctl: "), done.stderr)
        self.assertEqual(done.stdout, b"", arguments)
        return done.stderr.decode()

    def host(self):
        """A sample host, ready: filter net-packages, callback demo.greet."""
        host = subprocess.Popen([REMOTE_HOST, self.endpoint, "1000"], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        self.addCleanup(host.stdout.close)
        self.addCleanup(host.wait)
        self.addCleanup(host.kill)  # it may be stopped
        self.addCleanup(host.stdin.close)
        self.assertIn(b"ready", host.stdout.readline())
        return host

    def test_health_and_version(self):
        self.assertEqual(self.ok("health", "-o", "table"), b"SERVING\n")
        self.assertEqual(self.json("health"), {"service": "", "status": "SERVING"})
        version = self.json("version")
        self.assertTrue(version["client"])
        self.assertTrue(version["server"])
        self.fails(NEGATIVE, "health", "no.such.Service")

    def test_cannot_connect(self):
        done = self.ctl("handles", endpoint=f"unix:{self.folder}/none")
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertIn(b"no such file. Is it running? Start it with: belayd --listen", done.stderr)
        plain = f"{self.folder}/plain"
        with open(plain, "w", encoding="utf-8"):
            pass
        done = self.ctl("kv", "get", "x", endpoint=f"unix:{plain}")
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertIn(b"that is no socket", done.stderr)
        done = self.ctl("kv", "import", endpoint=f"unix:{self.folder}/none", stdin=b"")
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertEqual(self.ctl("health", endpoint="localhost:1").returncode, UNREACHABLE)

    def test_usage(self):
        self.assertIn('did you mean "handles"', self.fails(USAGE, "handels"))
        self.assertIn('did you mean "get"', self.fails(USAGE, "kv", "gett", "x"))
        self.fails(USAGE, "kv", "get")
        self.fails(USAGE, "describe", "seven")
        self.fails(USAGE, "handles", "-o", "xml")
        self.fails(USAGE, "handles", "--timeout", "soon")
        self.fails(USAGE, "kv", "scan", "--prefix", "a", "--start", "b")
        self.assertEqual(self.ctl("--help").returncode, OK)

    def test_hooks(self):
        self.host()  # it attaches a watch on "demo/"
        hook = next(h for h in self.json("hooks")["hooks"] if h["callback_state"] == "live")
        self.assertEqual((hook["kind"], hook["keyspace"], hook["label"]), ("watch", "default", 'watch on "demo/"'))
        self.assertEqual(hook["callback_owner"], hook["holder"])
        self.assertTrue(hook["callback_label"])
        table = self.ok("hooks", "-o", "table").decode().splitlines()
        self.assertTrue(table[0].startswith("HANDLE"))
        self.assertIn('watch on "demo/"', "\n".join(table[1:]))
        self.assertIn(f"0x{int(hook['handle']):016x}", self.ok("hooks", "-o", "name").decode().split())

    def test_store(self):
        self.ok("kv", "put", "store/a", "1")
        stats = self.json("store", "stats")
        self.assertGreater(int(stats["revision"]), 0)
        self.assertIn("table_bytes", [statistic["name"] for statistic in stats["statistics"]])
        self.assertIn(b"revision", self.ok("store", "stats", "-o", "table"))
        verified = self.json("store", "verify")
        self.assertEqual(verified["done"], verified["total"])
        self.assertEqual(self.ok("store", "compact", "--prefix", "store/"), b"")
        self.assertEqual(self.fails(NEGATIVE, "store", "compact", "--keyspace", "none").count("none"), 1)
        self.fails(USAGE, "store", "compact", "--prefix", "a", "--start", "b")
        self.assertEqual(self.json("store", "backup", "monday")["path"], f"{self.folder}/monday")
        self.assertTrue(os.path.isdir(f"{self.folder}/monday"))
        self.fails(STATUS + 6, "store", "backup", "monday")
        self.fails(STATUS + 3, "store", "backup", "../monday")

    def test_settings_and_their_origin(self):
        done = self.ctl("config", "show", "--origin", "-o", "json", env={"BELAY_TIMEOUT": "3s"})
        shown = json.loads(done.stdout)
        self.assertEqual(shown["timeout"], {"value": "3s", "origin": "environment BELAY_TIMEOUT"})
        self.assertEqual(shown["endpoint"]["origin"], "flag --endpoint")
        self.assertEqual(shown["token-file"], {"value": "", "origin": "default"})

    def test_tokens_and_policies(self):
        token = self.json("token", "new", "shop")
        name, hashed = token["line"].split()
        self.assertEqual(name, "shop")
        self.assertEqual(hashed, hashlib.sha256(token["token"].encode()).hexdigest())
        self.assertNotIn(token["token"], token["line"])
        self.fails(USAGE, "token", "new", "a b")
        path = f"{self.folder}/policy.toml"

        def write(text):
            with open(path, "w", encoding="utf-8") as policy:
                policy.write(text)

        write('[[rule]]\nname="shop"\nwho=["token:shop-*"]\nregister=["shop/*"]\nstore.read=["default:a/"]\n')
        self.assertEqual(self.json("policy", "check", path), {"rules": 1})
        check = ["policy", "check", path, "--who", "token:shop-1", "--verb"]
        self.assertEqual(self.json(*check, "register", "--name", "shop/x"), {"allowed": True, "rule": "shop"})
        self.assertEqual(self.json(*check, "store.read", "--name", "default:a/b"), {"allowed": True, "rule": "shop"})
        denied = self.ctl(*check, "store.read", "--name", "default", "-o", "table")
        self.assertEqual(denied.returncode, NEGATIVE)
        self.assertIn(b'rule "shop" does not allow it to token:shop-1', denied.stdout)
        nobody = self.ctl("policy", "check", path, "--who", "uid:1", "--verb", "admin read", "-o", "json")
        self.assertEqual((nobody.returncode, json.loads(nobody.stdout)), (NEGATIVE, {"allowed": False, "rule": None}))
        self.fails(USAGE, *check, "fly")
        self.fails(USAGE, "policy", "check", path, "--who", "token:*", "--verb", "invoke")
        self.fails(USAGE, "policy", "check", path, "--who", "token:a")
        write("[[rule]]\n")
        self.assertIn(f"{path}:1:1: a rule needs a name", self.fails(USAGE, "policy", "check", path))
        done = self.ctl("sessions", env={"BELAY_TOKEN_FILE": f"{self.folder}/none"})
        self.assertEqual(done.returncode, USAGE)
        with open(f"{self.folder}/token", "w", encoding="utf-8") as file:
            file.write(token["token"])
        done = self.ctl("sessions", "--token-file", f"{self.folder}/token")
        self.assertEqual(done.returncode, DENIED)
        self.assertIn(b"--tokens", done.stderr)

    def test_audit(self):
        self.ok("store", "compact", "--prefix", "audit-test/")
        lines = self.ok("audit", "-o", "jsonl").splitlines()
        entry = json.loads(lines[-1])
        self.assertEqual((entry["event"], entry["who"]), ("compact", f"uid:{os.getuid()}"))
        table = self.ok("audit", "-o", "table").decode().splitlines()
        self.assertEqual(table[0].split(), ["TIME", "EVENT", "COUNT", "WHO", "WHERE", "WHAT"])
        self.assertEqual(len(table), len(lines) + 1)
        self.assertEqual(self.ok("audit", "--since", "1h", "-o", "jsonl").splitlines(), lines)
        self.fails(USAGE, "audit", "--since", "soon")
        follower = subprocess.Popen([BELAYCTL, "audit", "--follow", "-o", "name", "--endpoint", self.endpoint],
                                    stdout=subprocess.PIPE)
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        for _ in lines:
            follower.stdout.readline()
        self.ok("store", "compact", "--prefix", "audit-test/")
        self.assertEqual(int(follower.stdout.readline()), int(entry["number"]) + 1)

    def test_kv_one_key(self):
        first = self.json("kv", "put", "one/a", "hello")["revision"]
        self.assertEqual(self.ok("kv", "get", "one/a"), b"hello")
        self.assertEqual(self.json("kv", "get", "one/a"), {"key": "one/a", "value": "hello", "revision": first})
        self.fails(STATUS + 10, "kv", "put", "one/a", "x", "--if-absent")
        second = self.json("kv", "put", "one/a", "again", "--if-revision", str(first))["revision"]
        self.assertGreater(second, first)
        raw = bytes(range(256))
        self.ok("kv", "put", "one/raw", "-", stdin=raw)
        self.assertEqual(self.ok("kv", "get", "one/raw"), raw)
        self.assertEqual(base64.b64decode(self.json("kv", "get", "one/raw")["value_base64"]), raw)
        self.ok("kv", "del", "one/a", "one/raw")
        self.assertIn("one/a", self.fails(NEGATIVE, "kv", "get", "one/a"))
        self.fails(NEGATIVE, "kv", "del", "one/a")

    def test_kv_scan(self):
        for name in "abc":
            self.ok("kv", "put", f"scan/{name}", name.upper())
        rows = self.json("kv", "scan", "--prefix", "scan/")
        self.assertEqual([(row["key"], row["value"]) for row in rows],
                         [("scan/a", "A"), ("scan/b", "B"), ("scan/c", "C")])
        self.assertEqual(self.ok("kv", "scan", "--prefix", "scan/", "--reverse", "--limit", "2", "-o", "name"),
                         b"scan/c\nscan/b\n")
        self.assertEqual(self.ok("kv", "scan", "--start", "scan/b", "--end", "scan/c", "-o", "name"), b"scan/b\n")
        self.assertNotIn("value", self.json("kv", "scan", "--prefix", "scan/", "--keys-only")[0])
        self.assertEqual(self.json("kv", "scan", "--prefix", "none/"), [])
        table = self.ok("kv", "scan", "--prefix", "scan/", "-o", "table").decode().splitlines()
        self.assertEqual(table[0].split(), ["REVISION", "KEY", "VALUE"])
        self.assertEqual(len(table), 4)
        self.assertEqual(len(self.ok("kv", "scan", "--prefix", "scan/", "-o", "table", "--no-headers").splitlines()), 3)

    def test_names_are_made_harmless(self):
        self.ok("kv", "put", "esc/\x1b[31m\n", "\u202e")
        table = self.ok("kv", "scan", "--prefix", "esc/", "-o", "table")
        self.assertIn(b"esc/\\x1b[31m\\n", table)
        self.assertIn(b"\\u{202e}", table)
        self.assertNotIn(b"\x1b", table)
        self.assertEqual(self.json("kv", "scan", "--prefix", "esc/")[0]["key"], "esc/\x1b[31m\n")

    def test_kv_keyspace(self):
        self.ok("kv", "put", "ks/a", "1", "--keyspace", "default")
        self.assertEqual(self.ok("kv", "get", "ks/a"), b"1")
        self.assertEqual(self.ok("kv", "scan", "--prefix", "ks/", "--keyspace", "default", "-o", "name"), b"ks/a\n")
        for command in (["get", "x"], ["put", "x", "1"], ["del", "x"], ["scan"], ["export"]):
            self.assertIn("none", self.fails(NEGATIVE, "kv", *command, "--keyspace", "none"))
            self.assertIn("system", self.fails(DENIED, "kv", *command, "--keyspace", "system"))
        done = self.ctl("kv", "import", "--keyspace", "none", stdin=b'{"key":"x","value":"1"}')
        self.assertEqual(done.returncode, NEGATIVE)

    def test_kv_import_and_export(self):
        lines = [json.dumps({"key": f"bulk/{i:05}", "value": f"värde {i}"}) for i in range(5000)]
        lines.append(json.dumps({"key": "bulk/raw", "value_base64": base64.b64encode(b"\xff\x00").decode()}))
        done = json.loads(self.ok("kv", "import", stdin="\n".join(lines).encode()))
        self.assertEqual(done, {"imported": 5001})
        exported = self.ok("kv", "export", "--prefix", "bulk/")
        self.assertEqual(len(exported.splitlines()), 5001)
        self.ok("kv", "import", "-", stdin=exported)
        self.assertEqual(self.ok("kv", "get", "bulk/00042").decode(), "värde 42")
        bad = self.ctl("kv", "import", stdin=b'{"key":"bulk/x","value":"1"}\n\n{"key":')
        self.assertEqual(bad.returncode, USAGE)
        self.assertIn(b"standard input:3: not a JSON object", bad.stderr)
        self.assertEqual(self.ctl("kv", "import", "/no/such/file").returncode, USAGE)

    def test_callbacks(self):
        host = self.host()
        self.assertEqual(self.ok("invoke", "demo.greet", "you"), b"hello you, caller number 1")
        self.assertEqual(self.ok("invoke", "demo.greet", "-", stdin=b"all"), b"hello all, caller number 2")
        self.assertIn("nobody", self.fails(NEGATIVE, "invoke", "nobody"))

        host.send_signal(signal.SIGSTOP)
        self.assertIn("[sent_unknown]", self.fails(STATUS + 4, "invoke", "demo.greet", "--timeout", "200ms"))
        host.send_signal(signal.SIGCONT)

        self.ok("kv", "put", "pkg/curl", "Package: curl\nSection: web\nInstalled-Size: 5000\n")
        self.ok("kv", "put", "pkg/iproute2", "Package: iproute2\nSection: net\nInstalled-Size: 3000\n")
        self.ok("kv", "put", "pkg/netbase", "Package: netbase\nSection: net\nInstalled-Size: 40\n")
        kept = self.json("kv", "scan", "--prefix", "pkg/", "--filter-name", "net-packages")
        self.assertEqual([row["key"] for row in kept], ["pkg/iproute2"])
        self.fails(NEGATIVE, "kv", "scan", "--filter-name", "nobody")

        sessions = self.json("sessions")["sessions"]
        self.assertIn("remote_host", [session["client_name"] for session in sessions])
        self.assertIn(b"remote_host", self.ok("sessions", "-o", "table"))
        stats = self.json("stats")
        self.assertGreaterEqual(int(stats["callbacks"]), 3)

        handles = self.json("handles", "--kind", "callback")["handles"]
        greeter = next(handle for handle in handles if handle["label"] == "greeter")
        self.assertEqual(greeter["state"], "live")
        self.assertGreaterEqual(int(greeter["calls"]), 2)
        table = self.ok("handles", "-o", "table").decode()
        self.assertIn("LABEL", table.splitlines()[0])
        self.assertIn("greeter", table)
        self.assertIn("SITE", self.ok("handles", "-o", "wide").decode().splitlines()[0])
        name = f"{int(greeter['handle']):#018x}"
        self.assertIn(name, self.ok("handles", "-o", "name").decode().splitlines())
        for line in self.ok("handles", "-o", "jsonl").splitlines():
            self.assertIn("kind", json.loads(line))

        self.assertEqual(self.json("describe", name)["label"], "greeter")
        self.assertIn(b"greeter", self.ok("describe", greeter["handle"], "-o", "table"))
        self.assertTrue(self.json("revoke", name, "--dry-run")["dry_run"])
        self.ok("invoke", "demo.greet", "still")
        self.assertTrue(self.json("revoke", name, "--reason", "a test")["revoked"])
        self.assertGreaterEqual(self.ctl("invoke", "demo.greet").returncode, 1)
        host.stdin.write(b"quit\n")
        host.stdin.flush()
        self.assertEqual(host.wait(timeout=30), 0)
        self.assertIn(self.ctl("describe", name).returncode, (NEGATIVE, STATUS + 32))
        self.assertNotIn("greeter", self.ok("handles", "-o", "table").decode())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
