"""Calls between sessions: results, failures, deadlines, cancellation, lost hosts (W4, W6)."""

import os
import signal
import subprocess
import sys

import grpc

import harness
from belay.v1 import admin_pb2, session_pb2, status_pb2


class CallsTest(harness.Test):

    def pair(self, *arguments):
        """A host with the callback "f", and a caller that has found it."""
        self.belayd = self.start(*arguments, store=False)
        self.host = self.session(self.belayd, "host")
        self.hosted = self.host.register("f", name="f")
        self.caller = self.session(self.belayd, "caller")
        self.handle = self.caller.resolve("f")

    def late_results(self):
        return self.admin(self.belayd).GetStats(admin_pb2.GetStatsRequest()).late_results

    def test_two_sessions_call_each_other(self):
        belayd = self.start(store=False)
        one, two = self.session(belayd, "one"), self.session(belayd, "two")
        one.register("a", name="a")
        two.register("b", name="b")
        to_b, to_a = one.resolve("b"), two.resolve("a")
        one.call(1, to_b, b"from one")
        two.call(1, to_a, b"from two")
        at_two, at_one = two.expect("call"), one.expect("call")
        self.assertEqual((at_two.payload, at_two.caller), (b"from one", "one"))
        self.assertEqual((at_one.payload, at_one.caller), (b"from two", "two"))
        self.assertGreater(at_one.timeout_ms, 0)
        one.answer(at_one.call_id, b"to two")
        two.answer(at_two.call_id, b"to one")
        self.assertEqual(one.expect("result").payload, b"to one")
        self.assertEqual(two.expect("result").payload, b"to two")

    def test_a_session_calls_itself(self):
        belayd = self.start(store=False)
        session = self.session(belayd)
        handle = session.register()
        session.call(9, handle, b"x")
        session.answer(session.expect("call").call_id, b"y")
        result = session.expect("result")
        self.assertEqual((result.call_id, result.payload), (9, b"y"))

    def test_many_in_one_frame_come_out_packed(self):
        self.pair()
        frames = self.host.frames
        self.caller.send_frame(*[
            session_pb2.ClientOperation(call=session_pb2.Call(call_id=i, handle=self.handle, payload=b"%d" % i))
            for i in range(500)])
        calls = [self.host.expect("call") for _ in range(500)]
        self.assertEqual([c.payload for c in calls], [b"%d" % i for i in range(500)])
        self.assertLess(self.host.frames - frames, 10)
        self.host.send_frame(*[
            session_pb2.ClientOperation(result=session_pb2.CallResult(call_id=c.call_id, payload=c.payload))
            for c in calls])
        results = [self.caller.expect("result") for _ in range(500)]
        self.assertEqual([r.payload for r in results], [b"%d" % i for i in range(500)])

    def test_a_failure_of_the_host_is_callback_failed(self):
        self.pair()
        self.caller.call(1, self.handle)
        self.host.answer(self.host.expect("call").call_id, status=status_pb2.Status(
            code=harness.NOT_FOUND, reason="NO_SUCH_INVOICE", message="invoice 7 is unknown"))
        status = self.caller.expect("result").status
        self.assertEqual((status.code, status.reason, status.message, status.certainty),
                         (harness.CALLBACK_FAILED, "NO_SUCH_INVOICE", "invoice 7 is unknown", harness.STARTED))

    def test_deadline(self):
        self.pair()
        self.caller.call(1, self.handle, timeout_ms=500)
        call = self.host.expect("call")
        self.assertLessEqual(call.timeout_ms, 500)
        status = self.caller.expect("result").status
        self.assertEqual((status.code, status.certainty), (harness.DEADLINE_EXCEEDED, harness.SENT_UNKNOWN))
        self.assertEqual(self.host.expect("cancel").call_id, call.call_id)
        # The call is still in flight: a release waits for the host's late answer, which nobody gets.
        self.assertEqual(self.host.request("release", handle=self.hosted).status.code, harness.OK)
        self.assertEqual(self.caller.request("release", handle=self.handle).status.code, harness.OK)
        self.assertEqual(self.late_results(), 0)
        self.host.answer(call.call_id, b"late")
        self.assertEqual(self.host.expect("released").handle, self.hosted)
        self.assertEqual(self.late_results(), 1)

    def test_cancel(self):
        self.pair()
        self.caller.call(1, self.handle)
        call = self.host.expect("call")
        self.caller.send(cancel=session_pb2.CancelCall(call_id=1))
        status = self.caller.expect("result").status
        self.assertEqual((status.code, status.certainty), (harness.CANCELLED, harness.SENT_UNKNOWN))
        self.assertEqual(self.host.expect("cancel").call_id, call.call_id)
        self.host.answer(call.call_id)
        # A cancel that crossed the result on the way is nothing.
        self.caller.send(cancel=session_pb2.CancelCall(call_id=1))
        self.caller.call(2, self.handle)
        self.host.answer(self.host.expect("call").call_id, b"2")
        self.assertEqual(self.caller.expect("result").payload, b"2")
        self.assertEqual(self.late_results(), 1)

    def test_unknown_and_second_results_are_dropped(self):
        self.pair()
        self.host.answer(77, b"nobody asked")
        self.caller.call(1, self.handle)
        call = self.host.expect("call")
        self.host.answer(call.call_id, b"first")
        self.host.answer(call.call_id, b"second")
        self.assertEqual(self.caller.expect("result").payload, b"first")
        self.caller.send(ping=session_pb2.Ping(nonce=5))
        self.assertEqual(self.caller.expect("pong").nonce, 5)
        self.host.send(ping=session_pb2.Ping(nonce=6))
        self.host.expect("pong")
        self.assertEqual(self.late_results(), 2)

    def test_host_killed_while_it_runs_a_call(self):
        belayd = self.start(store=False)
        process = subprocess.Popen([sys.executable, os.path.abspath(__file__), "host", belayd.target],
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), b"registered\n")
        caller = self.session(belayd, "caller")
        handle = caller.resolve("doomed")
        caller.call(1, handle, timeout_ms=600_000)
        self.assertEqual(process.stdout.readline(), b"called\n")
        process.send_signal(signal.SIGKILL)
        status = caller.expect("result").status
        self.assertEqual((status.code, status.certainty), (harness.HOST_LOST, harness.SENT_UNKNOWN))
        caller.call(2, handle)
        status = caller.expect("result").status
        self.assertEqual((status.code, status.certainty), (harness.HOST_LOST, harness.NOT_SENT))
        self.assertEqual(caller.request("resolve", name="doomed").status.code, harness.NOT_FOUND)

    def test_caller_gone_while_its_call_runs(self):
        self.pair()
        self.caller.call(1, self.handle)
        call = self.host.expect("call")
        self.caller.close()
        self.assertEqual(self.host.expect("cancel").call_id, call.call_id)
        self.host.answer(call.call_id)
        self.host.request("release", handle=self.hosted)
        self.assertEqual(self.host.expect("released").handle, self.hosted)

    def test_bounds(self):
        self.pair("--max-payload-bytes", "100", "--max-calls-in-flight", "2")
        self.assertEqual(self.caller.welcome.limits.max_payload_bytes, 100)
        self.caller.call(1, self.handle, bytes(101))
        status = self.caller.expect("result").status
        self.assertEqual((status.code, status.reason, status.certainty),
                         (harness.RESOURCE_EXHAUSTED, "PAYLOAD_TOO_LARGE", harness.NOT_SENT))
        self.assertIn("101", status.message)
        for call_id in (2, 3, 4):
            self.caller.call(call_id, self.handle)
        status = self.caller.expect("result").status
        self.assertEqual((status.code, status.reason, status.certainty),
                         (harness.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", harness.NOT_SENT))
        self.host.answer(self.host.expect("call").call_id, bytes(101))
        status = self.caller.expect("result").status
        self.assertEqual((status.code, status.certainty), (harness.RESOURCE_EXHAUSTED, harness.STARTED))
        # The host has its own bound: one call left unanswered, one more is the second.
        other = self.session(self.belayd, "other")
        handle = other.resolve("f")
        other.call(1, handle)
        other.call(2, handle)
        status = other.expect("result").status
        self.assertEqual((status.code, status.reason), (harness.RESOURCE_EXHAUSTED, "HOST_BUSY"))

    def test_bad_trace_id(self):
        self.pair()
        self.caller.send(call=session_pb2.Call(call_id=1, handle=self.handle, trace_id=b"short"))
        self.assertEqual(self.caller.expect("result").status.code, harness.INVALID_ARGUMENT)
        self.caller.send(call=session_pb2.Call(call_id=2, handle=self.handle, trace_id=bytes(range(16))))
        self.assertEqual(self.host.expect("call").trace_id, bytes(range(16)))

    def test_unary_invoke(self):
        self.pair()
        invoke = self.broker(self.belayd).Invoke
        answer = invoke.future(session_pb2.InvokeRequest(name="f", payload=b"hi"))
        call = self.host.expect("call")
        self.assertEqual(call.payload, b"hi")
        self.host.answer(call.call_id, b"ho")
        self.assertEqual(answer.result(harness.LIMIT_S).payload, b"ho")

        status = invoke(session_pb2.InvokeRequest(name="nothing")).status
        self.assertEqual((status.code, status.certainty), (harness.NOT_FOUND, harness.NOT_SENT))
        self.assertIn("nothing", status.message)

        status = invoke(session_pb2.InvokeRequest(name="f", timeout_ms=500)).status
        self.assertEqual((status.code, status.certainty), (harness.DEADLINE_EXCEEDED, harness.SENT_UNKNOWN))
        call = self.host.expect("call")
        self.assertEqual(self.host.expect("cancel").call_id, call.call_id)

        gone = invoke.future(session_pb2.InvokeRequest(name="f"))
        call = self.host.expect("call")
        gone.cancel()
        self.assertEqual(self.host.expect("cancel").call_id, call.call_id)

        with self.assertRaises(grpc.RpcError) as caught:
            invoke(session_pb2.InvokeRequest(name="f"), timeout=0.05)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_unary_invoke_when_the_host_goes(self):
        self.pair()
        answer = self.broker(self.belayd).Invoke.future(session_pb2.InvokeRequest(name="f"))
        self.host.expect("call")
        self.host.close()
        status = answer.result(harness.LIMIT_S).status
        self.assertEqual((status.code, status.certainty), (harness.HOST_LOST, harness.SENT_UNKNOWN))


def run_doomed_host(target):
    session = harness.Session(target, "doomed host")
    session.register("doomed", name="doomed")
    print("registered", flush=True)
    session.expect("call")
    print("called", flush=True)
    signal.pause()


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "host":
        run_doomed_host(sys.argv[2])
    else:
        harness.main()
