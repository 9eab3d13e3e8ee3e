"""TLS on TCP: who may come in, what is seen of them, and certificates that change under way."""

import os
import shutil

import grpc

import certificates
import harness
import raw_http2 as h2
from belay.v1 import admin_pb2, session_pb2


def read(path):
    with open(path, "rb") as file:
        return file.read()


class TlsTest(harness.Test):

    def setUp(self):
        super().setUp()
        self.authority = certificates.Authority(os.path.join(self.folder, "pki"))
        self.certificate, self.key = self.authority.sign("server", "belayd")

    def start_tls(self, *arguments):
        """A belayd with TLS on a port, and a unix socket to look in by."""
        belayd = self.start("--listen", "127.0.0.1:0", "--tls-cert", self.certificate, "--tls-key", self.key,
                            *arguments, store=False)
        self.port = belayd.targets[1]
        return belayd

    def credentials(self, authority=None, client=None):
        chain, key = (read(client[0]), read(client[1])) if client else (None, None)
        return grpc.ssl_channel_credentials(read((authority or self.authority).ca), key, chain)

    def tls_session(self, credentials):
        session = harness.Session(self.port, credentials=credentials, hello=False)
        self.addCleanup(session.close)
        session.send(hello=session_pb2.Hello(client_name="tls", protocol_version=1))
        return session

    def peers(self, belayd):
        return [s.peer for s in self.admin(belayd).ListSessions(admin_pb2.ListSessionsRequest()).sessions]

    def refused(self, session):
        self.assertEqual(session.expect_end()[0], grpc.StatusCode.UNAVAILABLE)

    def test_a_session_with_large_frames_both_ways(self):
        belayd = self.start_tls()
        host = self.tls_session(self.credentials())
        host.expect("welcome")
        self.assertRegex(self.peers(belayd)[0], r"^addr=127\.0\.0\.1,port=\d+$")
        caller = self.session(belayd)
        host.register("f", name="f")
        payload = os.urandom(8 << 20)
        caller.call(1, caller.resolve("f"), payload)
        call = host.expect("call")
        self.assertEqual(call.payload, payload)
        host.answer(call.call_id, payload[::-1])
        self.assertEqual(caller.expect("result").payload, payload[::-1])

    def test_plaintext_is_refused_and_named(self):
        belayd = self.start_tls()
        with h2.connect(self.port) as connection:
            connection.sendall(h2.OPENING)
            self.assertTrue(h2.is_closed(connection))
        self.assertRegex(belayd.log_text(), r"addr=127\.0\.0\.1,port=\d+ refused by rule TLS: ")

    def test_a_client_has_the_name_that_its_certificate_proves(self):
        belayd = self.start_tls("--tls-client-ca", self.authority.ca)
        alice = self.credentials(client=self.authority.sign("alice", "alice.example"))
        self.tls_session(alice).expect("welcome")
        self.assertRegex(self.peers(belayd)[0], r"^addr=127\.0\.0\.1,port=\d+,cert=alice\.example$")
        sessions = self.admin(belayd).ListSessions(admin_pb2.ListSessionsRequest()).sessions
        self.assertEqual(sessions[0].identity, "cert:CN=alice.example")

    def test_clients_that_prove_nothing_are_refused(self):
        belayd = self.start_tls("--tls-client-ca", self.authority.ca)
        other = certificates.Authority(os.path.join(self.folder, "other"))
        self.refused(self.tls_session(self.credentials()))
        self.refused(self.tls_session(self.credentials(client=other.sign("mallory", "alice"))))
        self.assertIn("refused by rule TLS: ", belayd.log_text())
        # One whose name would be taken for more than a name.
        self.refused(self.tls_session(self.credentials(client=self.authority.sign("odd", "a,uid=0"))))
        self.assertIn("refused by rule CERTIFICATE_NAME: ", belayd.log_text())
        self.assertEqual(self.peers(belayd), [])

    def test_files_that_change_are_read_again(self):
        belayd = self.start_tls()
        first = self.tls_session(self.credentials())
        first.expect("welcome")
        other = certificates.Authority(os.path.join(self.folder, "other"))
        # In the middle of a renewal the two do not fit together: the old ones stay.
        shutil.copy(other.sign("server", "belayd")[0], self.certificate)
        self.tls_session(self.credentials()).expect("welcome")
        self.assertIn("the certificates stay as they were", belayd.log_text())
        shutil.copy(other.path("server.key"), self.key)
        self.tls_session(self.credentials(other)).expect("welcome")
        self.refused(self.tls_session(self.credentials()))
        # Who was there stays.
        first.send(ping=session_pb2.Ping(nonce=1))
        first.expect("pong")

    def test_what_cannot_be_used_is_named(self):
        missing = os.path.join(self.folder, "missing.pem")
        for certificate, key, wanted in ((missing, self.key, missing), (self.certificate, missing, missing),
                                         (self.certificate, self.authority.path("ca.key"), "ca.key")):
            code, said = harness.run_belayd("--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key)
            self.assertEqual(code, 1)
            self.assertIn(wanted, said)


if __name__ == "__main__":
    harness.main()
