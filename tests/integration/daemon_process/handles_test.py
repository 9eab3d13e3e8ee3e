"""Handles of sessions: registered, found, kept, released; what a client may not do with them (W2, W5)."""

import harness
from belay.v1 import admin_pb2, session_pb2


class HandlesTest(harness.Test):

    def setUp(self):
        super().setUp()
        self.belayd = self.start(store=False)
        self.host = self.session(self.belayd, "host")
        self.caller = self.session(self.belayd, "caller")

    def callbacks(self):
        handles = self.admin(self.belayd).ListHandles(admin_pb2.ListHandlesRequest(kind="callback")).handles
        return [handle.label for handle in handles]

    def test_release_during_a_call_result_first_then_released(self):
        hosted = self.host.register("f", name="f")
        handle = self.caller.resolve("f")
        self.caller.call(1, handle)
        call = self.host.expect("call")
        self.assertEqual(self.host.request("release", handle=hosted).status.code, harness.OK)
        self.assertEqual(self.caller.request("release", handle=handle).status.code, harness.OK)
        # Answer and a ping in one frame: had Released come before the answer, it would be here first.
        self.host.send_frame(
            session_pb2.ClientOperation(ping=session_pb2.Ping(nonce=1)),
            session_pb2.ClientOperation(result=session_pb2.CallResult(call_id=call.call_id, payload=b"done")))
        self.host.expect("pong")
        self.assertEqual(self.caller.expect("result").payload, b"done")
        self.assertEqual(self.host.expect("released").handle, hosted)
        self.assertEqual(self.callbacks(), [])
        # Exactly once: nothing comes between this and the next.
        second = self.host.register("g")
        self.assertNotEqual(second, hosted)
        self.host.request("release", handle=second)
        self.assertEqual(self.host.expect("released").handle, second)

    def test_a_reference_elsewhere_keeps_the_callback(self):
        hosted = self.host.register("f", name="f")
        handle = self.caller.resolve("f")
        second = self.caller.request("retain", handle=handle).handle
        self.host.request("release", handle=hosted)
        self.caller.request("release", handle=handle)
        self.caller.call(1, second)
        self.host.answer(self.host.expect("call").call_id, b"alive")
        self.assertEqual(self.caller.expect("result").payload, b"alive")
        # Its name went with the registrant's handle.
        self.assertEqual(self.caller.request("resolve", name="f").status.code, harness.NOT_FOUND)
        self.caller.request("release", handle=second)
        self.assertEqual(self.host.expect("released").handle, hosted)

    def test_second_release_is_stale(self):
        hosted = self.host.register("f")
        self.assertEqual(self.host.request("release", handle=hosted).status.code, harness.OK)
        self.host.expect("released")
        self.assertEqual(self.host.request("release", handle=hosted).status.code, harness.STALE)
        self.host.call(1, hosted)
        self.assertEqual(self.host.expect("result").status.code, harness.STALE)

    def test_forged_handles(self):
        hosted = self.host.register("f")
        for forged in (hosted, 0, 5, 2**63, 2**64 - 1, 216172782130561030):
            for kind in ("release", "retain", "unregister", "detach_watch", "attach_watch"):
                status = self.caller.request(kind, handle=forged).status
                self.assertEqual(status.code, harness.MALFORMED, (kind, forged))
                self.assertIn(str(forged), status.message)
            self.caller.call(forged % 1000 + 1, forged)
            result = self.caller.expect("result").status
            self.assertEqual((result.code, result.certainty), (harness.MALFORMED, harness.NOT_SENT))
        self.assertEqual(self.callbacks(), ["f"])

    def test_unregister_is_the_hosts_right(self):
        hosted = self.host.register("f", name="f")
        handle = self.caller.resolve("f")
        self.assertEqual(self.caller.request("unregister", handle=handle).status.code, harness.PERMISSION_DENIED)
        self.assertEqual(self.host.request("unregister", handle=hosted).status.code, harness.OK)
        # Nothing was in flight, so it is drained at once, whoever still holds it.
        self.assertEqual(self.host.expect("released").handle, hosted)
        self.caller.call(1, handle)
        status = self.caller.expect("result").status
        self.assertEqual((status.code, status.certainty), (harness.UNREGISTERED, harness.NOT_SENT))
        self.assertEqual(self.caller.request("release", handle=handle).status.code, harness.OK)
        self.assertEqual(self.host.request("release", handle=hosted).status.code, harness.OK)

    def test_a_taken_name(self):
        self.host.register("first", name="f")
        reply = self.caller.request("register", label="second", name="f")
        self.assertEqual((reply.status.code, reply.handle), (harness.ALREADY_EXISTS, 0))
        self.assertNotIn("second", self.callbacks())
        # And nothing of it is told to the client that tried.
        self.caller.send(ping=session_pb2.Ping(nonce=1))
        self.caller.expect("pong")
        self.host.close()
        self.wait_for_session_end(1)
        self.caller.register("third", name="f")

    def wait_for_session_end(self, left):
        admin = self.admin(self.belayd)
        while len(admin.ListSessions(admin_pb2.ListSessionsRequest()).sessions) > left:
            pass

    def test_bad_texts(self):
        for fields in ({"label": "x" * 256}, {"site": "x" * 256}, {"name": "x" * 256}, {"name": "a\nb"}):
            self.assertEqual(self.host.request("register", **fields).status.code, harness.INVALID_ARGUMENT)
        self.assertEqual(self.callbacks(), [])
        self.assertEqual(self.caller.request("resolve", name="").status.code, harness.INVALID_ARGUMENT)

    def test_end_of_a_session_ends_what_it_had(self):
        self.host.register("f", name="f")
        self.caller.resolve("f")
        self.caller.register("g", name="g")
        g = self.host.resolve("g")
        # Two handles and a name each.
        self.assertEqual(sorted(self.callbacks()), ["f"] * 3 + ["g"] * 3)
        self.caller.half_close()
        self.assertEqual(self.caller.expect_end()[0].name, "OK")
        # Of g only the host's own, useless, handle is left.
        self.assertEqual(sorted(self.callbacks()), ["f"] * 2 + ["g"])
        self.host.call(1, g)
        self.assertEqual(self.host.expect("result").status.code, harness.HOST_LOST)


class HandleBoundTest(harness.Test):

    def test_too_many_handles(self):
        belayd = self.start("--max-handles", "3", store=False)
        session = self.session(belayd)
        handles = [session.register("f%d" % i) for i in range(3)]
        status = session.request("register", label="one more").status
        self.assertEqual((status.code, status.reason), (harness.RESOURCE_EXHAUSTED, "TOO_MANY_HANDLES"))
        self.assertIn("max_handles is 3", status.message)
        self.assertEqual(session.request("retain", handle=handles[0]).status.code, harness.RESOURCE_EXHAUSTED)
        session.request("release", handle=handles[0])
        session.expect("released")
        session.register("room again")


if __name__ == "__main__":
    harness.main()
