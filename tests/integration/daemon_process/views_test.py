"""The admin door, health and reflection: everything is visible (R15)."""

import os
import pathlib
import time

import grpc

import harness
from belay.v1 import admin_pb2, session_pb2


class ViewsTest(harness.Test):

    def setUp(self):
        super().setUp()
        self.belayd = self.start()
        self.host = self.session(self.belayd, "host")
        self.hosted = self.host.request("register", label="f", site="f.py:7", name="f").handle
        self.client = self.session(self.belayd, "client")
        self.handle = self.client.resolve("f")
        self.stub = self.admin(self.belayd)

    def handles(self, **fields):
        return self.stub.ListHandles(admin_pb2.ListHandlesRequest(**fields)).handles

    def test_handles(self):
        self.client.call(1, self.handle)
        call = self.host.expect("call")
        mine = [h for h in self.handles(kind="callback") if h.holder == "client"][0]
        self.assertEqual((mine.kind, mine.owner, mine.label, mine.site, mine.state, mine.name),
                         ("callback", "host", "f", "f.py:7", "live", "f"))
        self.assertEqual((mine.references, mine.calls, mine.in_flight, mine.failures), (3, 1, 1, 0))
        self.assertEqual(sorted(mine.holders), ["client", "host", "names"])
        # Ages are told in tenths of a second: that of a handle just made is the first of them, or 0.
        self.assertLess(mine.age_ns, 60 * 10**9)
        self.assertEqual(mine.age_ns % 10**8, 0)
        self.assertAlmostEqual(mine.created_unix_ns, time.time_ns(), delta=60 * 10**9)
        self.host.answer(call.call_id, status={"code": 2})
        self.client.expect("result")
        response = self.stub.DescribeHandle(admin_pb2.DescribeHandleRequest(handle=mine.handle))
        self.assertEqual((response.status.code, response.handle.calls, response.handle.failures), (0, 1, 1))
        self.client.request("release", handle=self.handle)
        response = self.stub.DescribeHandle(admin_pb2.DescribeHandleRequest(handle=mine.handle))
        self.assertEqual(response.status.code, harness.STALE)
        response = self.stub.DescribeHandle(admin_pb2.DescribeHandleRequest(handle=12345))
        self.assertEqual(response.status.code, harness.MALFORMED)

    def test_pages(self):
        for i in range(25):
            self.host.register("g%d" % i)
        everything = [h.handle for h in self.handles()]
        self.assertGreater(len(everything), 25)
        for page_size in (1, 7, 1000):
            paged, token = [], 0
            while True:
                page = self.stub.ListHandles(admin_pb2.ListHandlesRequest(page_token=token, page_size=page_size))
                paged += [h.handle for h in page.handles]
                self.assertLessEqual(len(page.handles), page_size)
                token = page.next_page_token
                if token == 0:
                    break
            self.assertEqual(paged, everything)
        self.assertEqual(len(self.handles(kind="callback")), 25 + 3)

    def test_sessions(self):
        self.client.call(1, self.handle)
        self.host.expect("call")
        sessions = self.stub.ListSessions(admin_pb2.ListSessionsRequest()).sessions
        self.assertEqual([(s.client_name, s.state, s.callbacks, s.handles, s.calls_waiting, s.calls_running)
                          for s in sessions],
                         [("host", "connected", 1, 1, 0, 1), ("client", "connected", 0, 1, 1, 0)])
        # Who is behind a unix socket, the kernel says.
        self.assertEqual([s.peer for s in sessions], ["uid=%d,pid=%d" % (os.getuid(), os.getpid())] * 2)
        stats = self.stub.GetStats(admin_pb2.GetStatsRequest())
        self.assertEqual((stats.sessions, stats.callbacks, stats.calls, stats.calls_in_flight), (2, 1, 1, 1))
        self.assertEqual(stats.epoch, self.host.welcome.epoch)
        self.assertEqual(stats.live_handles, len(self.handles()))
        self.assertTrue(stats.version)
        self.assertGreater(stats.uptime_ns, 0)

    def test_revoke(self):
        victim = [h.handle for h in self.handles(kind="callback") if h.holder == "client"][0]
        response = self.stub.Revoke(admin_pb2.RevokeRequest(handle=victim, reason="it loops\x1b[2J"))
        self.assertEqual(response.status.code, 0)
        self.assertEqual(self.host.expect("released").handle, self.hosted)
        self.client.call(1, self.handle)
        status = self.client.expect("result").status
        self.assertEqual((status.code, status.certainty), (harness.REVOKED, harness.NOT_SENT))
        self.assertIn("it loops\\x1b[2J", self.belayd.log_text())
        owner = [h.handle for h in self.handles(kind="owner")][0]
        response = self.stub.Revoke(admin_pb2.RevokeRequest(handle=owner))
        self.assertEqual(response.status.code, harness.WRONG_KIND)
        response = self.stub.Revoke(admin_pb2.RevokeRequest(handle=victim ^ (1 << 24)))
        self.assertIn(response.status.code, (harness.STALE, harness.MALFORMED))

    def test_one_thread_waits_for_connections(self):
        # Threads of gRPC's callback API would take each frame first, and only then wake the loop.
        folder = "/proc/%d/task" % self.belayd.process.pid
        names = [pathlib.Path(folder, task, "comm").read_text().strip() for task in os.listdir(folder)]
        self.assertIn("belayd", names)
        self.assertNotIn("nexting_thread", names)

    def test_health_and_reflection(self):
        channel = self.channel(self.belayd)
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
        for service in (b"", b"belay.v1.Broker", b"belay.v1.Storage", b"belay.v1.Admin"):
            request = b"\x0a" + bytes([len(service)]) + service
            self.assertEqual(check(request), b"\x08\x01")
            self.assertEqual(next(watch(request)), b"\x08\x01")
        unknown = b"\x0a\x04none"
        with self.assertRaises(grpc.RpcError) as refused:
            check(unknown)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(next(watch(unknown)), b"\x08\x03")
        # ServerReflectionRequest{list_services: ""}
        answers = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")(
            iter([b"\x3a\x00"]))
        answer = next(answers)
        for service in (b"belay.v1.Broker", b"belay.v1.Storage", b"belay.v1.Admin", b"grpc.health.v1.Health"):
            self.assertIn(service, answer)


if __name__ == "__main__":
    harness.main()
