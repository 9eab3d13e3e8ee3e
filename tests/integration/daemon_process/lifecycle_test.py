"""SIGTERM: nothing new, goodbye to all, calls in flight end, exit 0, in bounded time."""

import os
import signal

import grpc

import harness
from belay.v1 import session_pb2, storage_pb2

HEALTH = "/grpc.health.v1.Health/Check"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


class LifecycleTest(harness.Test):

    def test_idle(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            belayd = self.start()
            session = self.session(belayd)
            belayd.process.send_signal(number)
            status = session.expect("goodbye").status
            self.assertEqual((status.code, status.reason), (harness.UNAVAILABLE, "SHUTTING_DOWN"))
            self.assertEqual(session.expect_end()[0], grpc.StatusCode.UNAVAILABLE)
            self.assertEqual(belayd.wait(), 0)
            self.assertFalse(os.path.exists(belayd.socket))

    def test_calls_in_flight_end_first(self):
        belayd = self.start()
        host, caller = self.session(belayd, "host"), self.session(belayd, "caller")
        host.register("f", name="f")
        handle = caller.resolve("f")
        caller.call(1, handle)
        call = host.expect("call")
        unary = self.broker(belayd).Invoke.future(session_pb2.InvokeRequest(name="f"))
        second = host.expect("call")
        check = self.channel(belayd).unary_unary(HEALTH)
        watched = self.channel(belayd).unary_stream("/grpc.health.v1.Health/Watch")(b"")
        self.assertEqual((check(b""), next(watched)), (SERVING, SERVING))
        belayd.terminate()
        host.expect("goodbye")
        caller.expect("goodbye")
        self.assertEqual((check(b""), next(watched)), (NOT_SERVING, NOT_SERVING))
        # Nothing new, and said so.
        caller.call(2, handle)
        status = caller.expect("result").status
        self.assertEqual((status.code, status.reason, status.certainty),
                         (harness.UNAVAILABLE, "SHUTTING_DOWN", harness.NOT_SENT))
        self.assertEqual(caller.request("resolve", name="f").status.code, harness.UNAVAILABLE)
        self.assertEqual(caller.request("register", label="g").status.code, harness.UNAVAILABLE)
        self.assertEqual(caller.request("store", get=storage_pb2.GetRequest(key=b"a")).status.code,
                         harness.UNAVAILABLE)
        host.answer(second.call_id, b"unary")
        self.assertEqual(unary.result(harness.LIMIT_S).payload, b"unary")
        host.answer(call.call_id, b"done")
        self.assertEqual(caller.expect("result").payload, b"done")
        self.assertEqual(caller.expect_end()[0], grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(host.expect_end()[0], grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(belayd.wait(), 0)

    def test_a_host_that_never_answers(self):
        belayd = self.start("--drain-timeout", "200ms", store=False)
        # A service that has nothing behind it does not serve.
        self.assertEqual(self.channel(belayd).unary_unary(HEALTH)(b"\x0a\x10belay.v1.Storage"), NOT_SERVING)
        host, caller = self.session(belayd, "host"), self.session(belayd, "caller")
        host.register("f", name="f")
        caller.call(1, caller.resolve("f"))
        host.expect("call")
        belayd.terminate()
        caller.expect("goodbye")
        host.expect("goodbye")
        self.assertEqual(belayd.wait(), 0)
        self.assertIn("drain timeout", belayd.log_text())

    def test_a_client_that_reads_nothing(self):
        belayd = self.start("--drain-timeout", "200ms", store=False)
        channel = self.channel(belayd)
        stream = channel.stream_stream("/belay.v1.Broker/Session")(iter([session_pb2.ClientFrame(
            first_sequence=1,
            operations=[session_pb2.ClientOperation(
                hello=session_pb2.Hello(client_name="deaf", protocol_version=1))]).SerializeToString()]))
        self.addCleanup(stream.cancel)
        self.session(belayd)
        belayd.terminate()
        self.assertEqual(belayd.wait(), 0)

    def test_durable_over_a_restart(self):
        belayd = self.start()
        self.storage(belayd).Put(storage_pb2.PutRequest(key=b"a", value=b"1"))
        belayd.terminate()
        self.assertEqual(belayd.wait(), 0)
        self.assertEqual(self.storage(self.start()).Get(storage_pb2.GetRequest(key=b"a")).value, b"1")


if __name__ == "__main__":
    harness.main()
