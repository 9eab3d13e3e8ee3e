"""Sessions that outlive their connections, as a client that speaks frames sees them."""

import signal

import harness
from belay.v1 import admin_pb2, session_pb2

GRACE_MS = 20000


class ResumeTest(harness.Test):

    def resume(self, belayd, last, token=None):
        """A new stream that asks for the session of `last`, and goes on with its numbers."""
        session = self.session(belayd, hello=False)
        session.sequence, session.ack, session.request_id = last.sequence, last.ack, last.request_id
        session.is_resuming = True
        session.send_frame(
            session_pb2.ClientOperation(hello=session_pb2.Hello(
                client_name="again", protocol_version=1, resume_token=token or last.welcome.resume_token)),
            first_sequence=0, ack=last.ack)
        session.sequence = last.sequence
        return session

    def states(self, belayd):
        sessions = self.admin(belayd).ListSessions(admin_pb2.ListSessionsRequest()).sessions
        return {session.client_name: session.state for session in sessions}

    def test_a_cut_connection(self):
        belayd = self.start(store=False)
        host = self.session(belayd, "host", grace_ms=GRACE_MS)
        caller = self.session(belayd, "caller")
        self.assertEqual(host.welcome.grace_ms, GRACE_MS)
        host.register("f", name="f")
        host.close()
        self.until(lambda: self.states(belayd) == {"host": "suspended", "caller": "connected"})
        caller.call(1, caller.resolve("f"), b"while you were out")
        again = self.resume(belayd, host)
        welcome = again.expect("welcome")
        self.assertTrue(welcome.resumed)
        self.assertEqual(welcome.session_id, host.welcome.session_id)
        call = again.expect("call")
        self.assertEqual(call.payload, b"while you were out")
        again.answer(call.call_id, b"back")
        self.assertEqual(caller.expect("result").payload, b"back")
        self.assertEqual(self.states(belayd)["host"], "connected")

    def test_what_was_not_acknowledged_comes_again(self):
        belayd = self.start(store=False)
        client = self.session(belayd, grace_ms=GRACE_MS)
        handle = client.register("f")
        # As if the reply had been lost: its number is not acknowledged.
        client.close()
        client.ack -= 1
        again = self.resume(belayd, client)
        again.expect("welcome")
        self.assertEqual(again.expect("reply").handle, handle)
        # As if the broker's ack had been lost: the same operation once more, and then a new one.
        register = session_pb2.ClientOperation(register=session_pb2.Register(request_id=1, label="f"))
        again.send_frame(register, first_sequence=again.sequence)
        again.sequence -= 1
        self.assertNotEqual(again.register("g"), handle)
        self.assertEqual(self.admin(belayd).GetStats(admin_pb2.GetStatsRequest()).callbacks, 2)

    def test_a_broker_that_was_started_again(self):
        belayd = self.start()
        client = self.session(belayd, grace_ms=GRACE_MS)
        belayd.process.send_signal(signal.SIGKILL)
        belayd.wait()
        status = self.resume(self.start(), client).expect("goodbye").status
        self.assertEqual((status.code, status.reason), (harness.STALE_EPOCH, "STALE_EPOCH"))

    def test_goodbye_and_a_wrong_token(self):
        belayd = self.start(store=False)
        client = self.session(belayd, grace_ms=GRACE_MS)
        client.register("f", name="f")
        guess = bytearray(client.welcome.resume_token)
        guess[-1] ^= 1
        status = self.resume(belayd, client, bytes(guess)).expect("goodbye").status
        self.assertEqual((status.code, status.reason), (harness.STALE_EPOCH, "SESSION_EXPIRED"))
        client.send(goodbye=session_pb2.Goodbye())
        client.expect_end()
        self.assertEqual(self.states(belayd), {})
        status = self.resume(belayd, client).expect("goodbye").status
        self.assertEqual(status.reason, "SESSION_EXPIRED")

    def test_the_grace_ends_and_the_broker_may_grant_none(self):
        belayd = self.start("--session-grace", "50ms", store=False)
        client = self.session(belayd, "brief", grace_ms=GRACE_MS)
        self.assertEqual(client.welcome.grace_ms, 50)
        client.close()
        self.until(lambda: self.states(belayd) == {})
        belayd.stop()
        belayd = self.start("--session-grace", "0", store=False)
        client = self.session(belayd, "none", grace_ms=GRACE_MS)
        self.assertEqual((client.welcome.grace_ms, client.welcome.resume_token), (0, b""))

    def test_silence(self):
        belayd = self.start("--session-lease", "100ms", store=False)
        client = self.session(belayd, "silent", grace_ms=GRACE_MS, lease_ms=15000)
        self.assertEqual(client.welcome.lease_ms, 100)
        self.assertIn("LEASE_OVER", client.expect_end()[1])
        self.assertEqual(self.states(belayd), {"silent": "suspended"})


if __name__ == "__main__":
    harness.main()
