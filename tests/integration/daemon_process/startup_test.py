"""What belayd is told, and what it says when that cannot be."""

import os
import signal
import socket
import stat
import unittest

import harness
from belay.v1 import session_pb2


class SocketTest(harness.Test):

    def refused(self, *arguments, code=1, env=None):
        exit_code, said = harness.run_belayd(*arguments, env=env)
        self.assertEqual(exit_code, code, said)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertTrue(said.startswith("belayd: "), said)
        return said

    def test_in_use_by_a_living_process(self):
        belayd = self.start(store=False)
        said = self.refused("--listen", belayd.target)
        self.assertIn(belayd.socket, said)
        self.assertIn("process %d" % belayd.process.pid, said)
        # It is still served by the first.
        self.session(belayd)

    def test_left_by_a_dead_process(self):
        first = self.start(store=False)
        first.process.send_signal(signal.SIGKILL)
        first.wait()
        self.assertTrue(os.path.exists(first.socket))
        self.session(self.start(store=False))

    def test_a_file_that_is_no_socket_is_left_alone(self):
        path = os.path.join(self.folder, "file")
        with open(path, "w", encoding="utf-8") as file:
            file.write("precious")
        self.assertIn("no socket", self.refused("--listen", "unix:" + path))
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "precious")

    def test_path_too_long(self):
        said = self.refused("--listen", "unix:" + os.path.join(self.folder, "x" * 108), code=2)
        self.assertIn("107", said)
        fits = os.path.join(self.folder, "x" * (107 - len(self.folder) - 1))
        self.session(self.start(store=False, listen="unix:" + fits))

    def test_folder_missing(self):
        said = self.refused("--listen", "unix:%s/none/belayd.sock" % self.folder)
        self.assertIn(self.folder + "/none", said)

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_folder_not_writable(self):
        os.chmod(self.folder, 0o500)
        self.addCleanup(os.chmod, self.folder, 0o700)
        self.assertIn("denied", self.refused("--listen", "unix:%s/belayd.sock" % self.folder))

    def test_folder_not_writable_at_all(self):
        # True for root, too.
        self.assertIn("/proc", self.refused("--listen", "unix:/proc/belayd.sock"))

    def test_mode(self):
        belayd = self.start(store=False)
        self.assertEqual(stat.S_IMODE(os.stat(belayd.socket).st_mode), 0o660)
        belayd.terminate()
        belayd.wait()
        belayd = self.start("--socket-mode", "0600", store=False)
        self.assertEqual(stat.S_IMODE(os.stat(belayd.socket).st_mode), 0o600)

    def test_tcp_only_on_loopback_and_only_if_asked(self):
        self.assertIn("only TLS", self.refused("--listen", "0.0.0.0:0", "--allow-plaintext-loopback", code=2))
        self.assertIn("--allow-plaintext-loopback", self.refused("--listen", "127.0.0.1:0", code=2))
        belayd = self.start("--allow-plaintext-loopback", store=False, listen="127.0.0.1:0")
        self.assertNotEqual(belayd.target, "127.0.0.1:0")
        session = self.session(belayd)
        session.call(1, session.register())
        session.answer(session.expect("call").call_id, b"over TCP")
        self.assertEqual(session.expect("result").payload, b"over TCP")
        self.assertIn("in use", self.refused("--listen", belayd.target, "--allow-plaintext-loopback"))

    def test_two_addresses(self):
        other = "unix:" + os.path.join(self.folder, "other.sock")
        belayd = self.start("--listen", other, store=False)
        self.session(belayd)
        belayd.target = other
        self.session(belayd)

    def test_out_of_descriptors_and_back(self):
        belayd = self.start(store=False, descriptors=64)
        connections = []
        for _ in range(100):
            connection = socket.socket(socket.AF_UNIX)
            self.addCleanup(connection.close)
            connection.connect(belayd.socket)
            connections.append(connection)
        while "Too many open files" not in belayd.log_text():
            pass
        for connection in connections:
            connection.close()
        session = self.session(belayd)
        session.send(ping=session_pb2.Ping(nonce=1))
        session.expect("pong")

    def test_bad_settings(self):
        listen = ("--listen", "unix:%s/s" % self.folder)
        self.assertIn("--listen", self.refused(code=2))
        self.assertIn("port", self.refused("--listen", "127.0.0.1:x", code=2))
        self.assertIn("unix:", self.refused("--listen", "/just/a/path", code=2))
        self.assertIn("octal", self.refused(*listen, "--socket-mode", "9", code=2))
        self.assertIn("500ms", self.refused(*listen, "--drain-timeout", "soon", code=2))
        self.assertIn("BELAYD_LOG_LEVEL", self.refused(*listen, env={"BELAYD_LOG_LEVEL": "loud"}, code=2))
        self.assertIn("--help", self.refused(*listen, "--nonsense", code=2))
        self.assertIn("max-handles", self.refused(*listen, "--max-handles", "0", code=2))
        file = os.path.join(self.folder, "belayd.toml")
        self.assertIn(file, self.refused(*listen, "--config", file, code=2))
        for text, wanted in (("listen = [\n", "line"), ("nonsense = 1\n", "nonsense"), ("max-handles = 0\n", file)):
            with open(file, "w", encoding="utf-8") as out:
                out.write(text)
            self.assertIn(wanted, self.refused(*listen, "--config", file, code=2))

    def test_flag_before_environment_before_file(self):
        def path(name):
            return os.path.join(self.folder, name)
        with open(path("belayd.toml"), "w", encoding="utf-8") as out:
            out.write('listen = ["unix:%s"]\nsocket-mode = "0600"\nmax-handles = 11\nmax-payload-bytes = 12\n'
                      % path("file.sock"))
        os.environ["BELAYD_MAX_HANDLES"] = "21"
        os.environ["BELAYD_LISTEN"] = "unix:" + path("environment.sock")
        os.environ["BELAYD_MAX_CALLS_IN_FLIGHT"] = "22"
        for name in ("HANDLES", "CALLS_IN_FLIGHT"):
            self.addCleanup(os.environ.pop, "BELAYD_MAX_" + name)
        self.addCleanup(os.environ.pop, "BELAYD_LISTEN")
        belayd = self.start("--config", path("belayd.toml"), "--max-calls-in-flight", "32", store=False)
        self.assertEqual(belayd.target, "unix:" + belayd.socket)
        self.assertFalse(os.path.exists(path("environment.sock")))
        self.assertEqual(stat.S_IMODE(os.stat(belayd.socket).st_mode), 0o600)
        limits = self.session(belayd).welcome.limits
        self.assertEqual((limits.max_payload_bytes, limits.max_handles, limits.max_calls_in_flight), (12, 21, 32))


class StoreFolderTest(harness.Test):

    def refused(self, data):
        code, said = harness.run_belayd("--listen", "unix:%s/second.sock" % self.folder, "--data", data)
        self.assertEqual(code, 1, said)
        self.assertFalse(os.path.exists(self.folder + "/second.sock"))
        return said

    def test_second_opener(self):
        self.start()
        said = self.refused(self.folder + "/store")
        self.assertIn(self.folder + "/store", said)
        self.assertIn("open", said)

    def test_no_store(self):
        self.assertIn(self.folder + "/none", self.refused(self.folder + "/none/store"))
        file = os.path.join(self.folder, "file")
        with open(file, "w", encoding="utf-8") as out:
            out.write("not a store")
        self.assertIn(file, self.refused(file))

    def test_epoch_grows_with_every_start(self):
        first = self.start()
        epoch = self.session(first).welcome.epoch
        first.terminate()
        first.wait()
        self.assertGreater(self.session(self.start()).welcome.epoch, epoch)


if __name__ == "__main__":
    harness.main()
