"""Connections before gRPC has them: who they are, and what the guard lets pass."""

import os
import socket

import harness
import raw_http2 as h2
from belay.v1 import admin_pb2, session_pb2


class GuardTest(harness.Test):

    def open_port(self, *arguments):
        return self.start(*arguments, store=False, listen="127.0.0.1:0")

    def start(self, *arguments, **options):
        return super().start("--allow-plaintext-loopback", *arguments, **options)

    def peers(self, belayd):
        return [s.peer for s in self.admin(belayd).ListSessions(admin_pb2.ListSessionsRequest()).sessions]

    def test_a_tcp_peer_is_its_address(self):
        belayd = self.open_port()
        self.session(belayd)
        self.assertRegex(self.peers(belayd)[0], r"^addr=127\.0\.0\.1,port=\d+$")

    def test_a_peer_of_a_guarded_unix_socket_is_its_process(self):
        belayd = self.start("--guard", "all", store=False)
        self.session(belayd)
        self.assertEqual(self.peers(belayd), ["uid=%d,pid=%d" % (os.getuid(), os.getpid())])

    def test_a_name_that_the_client_chose_is_not_believed(self):
        belayd = self.start(store=False)
        liar = socket.socket(socket.AF_UNIX)
        self.addCleanup(liar.close)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)  # so that the name is what a scope's would be
        liar.bind("belay:uid=0,pid=1")
        liar.connect(belayd.socket)
        # By hand: the opening, and a session's Hello.
        hello = session_pb2.ClientFrame(first_sequence=1, operations=[session_pb2.ClientOperation(
            hello=session_pb2.Hello(client_name="liar", protocol_version=1))]).SerializeToString()
        liar.sendall(h2.OPENING + h2.SETTINGS_ACK +
                     h2.frame(h2.HEADERS, h2.call_headers(b"/belay.v1.Broker/Session"), h2.END_HEADERS, 1) +
                     h2.frame(h2.DATA, b"\0" + len(hello).to_bytes(4, "big") + hello, 0, 1))
        self.until(lambda: self.peers(belayd))
        self.assertEqual(self.peers(belayd), ["uid=%d,pid=%d" % (os.getuid(), os.getpid())])

    def test_what_is_not_http2_is_closed_and_named(self):
        belayd = self.open_port()
        with h2.connect(belayd.target) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            self.assertTrue(h2.is_closed(connection))
        self.assertRegex(belayd.log_text(), r"addr=127\.0\.0\.1,port=\d+ refused by rule PREFACE")

    def test_a_slow_beginning_is_closed_and_named(self):
        belayd = self.open_port("--handshake-timeout", "100ms")
        with h2.connect(belayd.target) as connection:
            connection.sendall(h2.PREFACE[:10])
            self.assertTrue(h2.is_closed(connection))
        self.assertIn("HANDSHAKE_TIMEOUT", belayd.log_text())

    def test_one_origin_may_have_so_many(self):
        belayd = self.open_port("--max-connections-per-origin", "2")
        held = [self.session(belayd), h2.connect(belayd.target)]
        self.addCleanup(held[1].close)
        with h2.connect(belayd.target) as connection:
            self.assertTrue(h2.is_closed(connection))
        self.assertIn("MAX_CONNECTIONS_PER_ORIGIN", belayd.log_text())

    def test_unix_sockets_go_straight_unless_told_otherwise(self):
        # gRPC itself speaks first; behind the guard it does not know of a client that has said nothing.
        with h2.connect(self.start(store=False).target) as connection:
            self.assertEqual(connection.recv(4, socket.MSG_WAITALL)[3], h2.SETTINGS)
        guarded = self.start("--guard", "all", "--handshake-timeout", "100ms", "--listen",
                                "unix:%s/guarded" % self.folder, store=False, listen="127.0.0.1:0")
        with h2.connect(guarded.targets[1]) as connection:
            self.assertEqual(connection.recv(4), b"")

    def test_goodbye_reaches_clients_of_a_port(self):
        belayd = self.open_port()
        session = self.session(belayd)
        belayd.terminate()
        session.expect("goodbye")
        self.assertEqual(session.expect_end()[1], "UNAVAILABLE (SHUTTING_DOWN): the broker is shutting down")
        self.assertEqual(belayd.wait(), 0)


if __name__ == "__main__":
    harness.main()
