"""What breaks the protocol ends that session, with a reason, and nothing else."""

import grpc

import harness
from belay.v1 import admin_pb2, session_pb2

FRAME_BOUND = 65536


class ProtocolTest(harness.Test):

    def setUp(self):
        super().setUp()
        self.belayd = self.start("--max-frame-bytes", str(FRAME_BOUND), store=False)
        self.witness = self.session(self.belayd, "witness")

    def tearDown(self):
        # Whatever happened to the other session: this one lives, and so does the daemon.
        self.witness.send(ping=session_pb2.Ping(nonce=4))
        self.assertEqual(self.witness.expect("pong").nonce, 4)
        self.assertIsNone(self.belayd.process.poll())

    def assert_broken(self, session, reason, code=harness.INVALID_ARGUMENT):
        status = session.expect("goodbye").status
        self.assertEqual((status.code, status.reason), (code, reason))
        ended, details = session.expect_end()
        self.assertEqual(ended.value[0], code if code <= 16 else harness.FAILED_PRECONDITION)
        self.assertIn(reason, details)
        self.assertIn(reason, self.belayd.log_text())
        return status.message

    def test_operation_before_hello(self):
        session = self.session(self.belayd, hello=False)
        session.send(ping=session_pb2.Ping(nonce=1))
        self.assert_broken(session, "HELLO_EXPECTED")

    def test_second_hello(self):
        session = self.session(self.belayd)
        session.send(hello=session_pb2.Hello(client_name="again", protocol_version=1))
        self.assert_broken(session, "SECOND_HELLO")

    def test_wrong_first_sequence(self):
        for first in (0, 1, 3):
            session = self.session(self.belayd)
            session.send_frame(session_pb2.ClientOperation(ping=session_pb2.Ping()), first_sequence=first)
            self.assertIn("number 2", self.assert_broken(session, "BAD_SEQUENCE"))

    def test_ack_of_what_was_never_sent(self):
        session = self.session(self.belayd)
        session.send_frame(ack=1)
        session.send_frame(ack=2)
        self.assert_broken(session, "BAD_ACK")

    def test_bytes_that_are_no_frame(self):
        for data in (b"\xff\xff\xff\xff", b"\x1a\x05ab", b"\x08" + b"\x80" * 11):
            session = self.session(self.belayd)
            session.send_bytes(data)
            self.assert_broken(session, "MALFORMED_FRAME")

    def test_invalid_utf8_in_a_name(self):
        session = self.session(self.belayd)
        # operations { resolve { request_id: 1 name: "\xff" } }, number 2
        session.send_bytes(b"\x08\x02\x1a\x07\x4a\x05\x08\x01\x12\x01\xff")
        self.assert_broken(session, "MALFORMED_FRAME")

    def test_call_id_in_use(self):
        session = self.session(self.belayd)
        handle = session.register()
        session.call(1, handle)
        session.expect("call")
        session.call(1, handle)
        self.assert_broken(session, "CALL_ID_IN_USE")

    def test_bad_hellos(self):
        for fields, reason, code in (
                ({"client_name": ""}, "BAD_CLIENT_NAME", harness.INVALID_ARGUMENT),
                ({"client_name": "x" * 256}, "BAD_CLIENT_NAME", harness.INVALID_ARGUMENT),
                ({"client_name": "x", "instance": "x" * 256}, "BAD_INSTANCE", harness.INVALID_ARGUMENT),
                ({"client_name": "x", "protocol_version": 0}, "BAD_PROTOCOL_VERSION", harness.INVALID_ARGUMENT),
                ({"client_name": "x", "resume_token": b"old"}, "STALE_EPOCH", harness.STALE_EPOCH)):
            session = self.session(self.belayd, hello=False)
            session.send(hello=session_pb2.Hello(**{"protocol_version": 1, **fields}))
            self.assert_broken(session, reason, code)

    def test_a_newer_client_is_answered_with_version_1(self):
        session = self.session(self.belayd, hello=False)
        session.send(hello=session_pb2.Hello(client_name="new", protocol_version=7))
        self.assertEqual(session.expect("welcome").protocol_version, 1)

    def test_unknown_fields_and_operations_are_left_alone(self):
        session = self.session(self.belayd)
        # An operation of field 99 only, numbered like any other.
        session.send_bytes(b"\x08\x02\x1a\x05\x9a\x06\x02hi")
        session.sequence += 1
        # A ping with a field 99 of its own, in a frame with one, too.
        session.send_bytes(b"\x08\x03\x9a\x06\x02hi\x1a\x09\x6a\x07\x08\x2a\x9a\x06\x02hi")
        self.assertEqual(session.expect("pong").nonce, 42)

    def test_frame_without_operations(self):
        session = self.session(self.belayd)
        session.send_bytes(b"")
        session.send(ping=session_pb2.Ping(nonce=1))
        session.expect("pong")

    def test_frame_above_the_bound(self):
        session = self.session(self.belayd)
        session.call(1, 1, bytes(FRAME_BOUND))
        message = self.assert_broken(session, "FRAME_TOO_LARGE", harness.RESOURCE_EXHAUSTED)
        self.assertIn("max_frame_bytes is 65536", message)

    def test_frame_far_above_the_bound(self):
        # gRPC refuses to take that in at all.
        session = self.session(self.belayd)
        session.call(1, 1, bytes(8 << 20))
        code, details = session.expect_end()
        self.assertEqual(code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertIn("larger than max", details)
        with self.assertRaises(grpc.RpcError) as caught:
            self.broker(self.belayd).Invoke(session_pb2.InvokeRequest(name="f", payload=bytes(8 << 20)))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_acks_are_sent_without_being_asked(self):
        session = self.session(self.belayd)
        # Cancels of unknown calls are never answered.
        cancel = session_pb2.ClientOperation(cancel=session_pb2.CancelCall(call_id=7))
        session.send_frame(*[cancel] * 2000)
        while session.acks.get(timeout=harness.LIMIT_S) < 1024:
            pass

    def test_nothing_is_left_of_broken_sessions(self):
        for _ in range(20):
            session = self.session(self.belayd)
            session.register("f", name="f")
            session.send_frame(ack=1000)
            self.assert_broken(session, "BAD_ACK")
        admin = self.admin(self.belayd)
        self.assertEqual([s.client_name for s in admin.ListSessions(admin_pb2.ListSessionsRequest()).sessions],
                         ["witness"])
        self.assertEqual(admin.GetStats(admin_pb2.GetStatsRequest()).callbacks, 0)


if __name__ == "__main__":
    harness.main()
