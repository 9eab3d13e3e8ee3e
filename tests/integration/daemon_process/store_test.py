"""The store over the wire: on a session's stream and by unary calls; watches and filters as callbacks."""

import harness
from belay.v1 import session_pb2, storage_pb2
from rows import bitmap, rows_of


class StoreTest(harness.Test):

    def setUp(self):
        super().setUp()
        self.belayd = self.start()
        self.client = self.session(self.belayd, "client")

    def store(self, session=None, **fields):
        return (session or self.client).request("store", **fields)

    def put(self, key, value, **fields):
        return self.store(put=storage_pb2.PutRequest(key=key, value=value, **fields)).store.put

    def fill(self, count, value=b"v"):
        storage = self.storage(self.belayd)
        for i in range(count):
            response = storage.Put(storage_pb2.PutRequest(
                key=b"k%05d" % i, value=value, durability=storage_pb2.DURABILITY_ASYNC))
            self.assertEqual(response.status.code, 0)

    def take_scan(self, session, request_id):
        """The rows of a scan's answer, and its reply."""
        rows = []
        while True:
            operation = session.next()
            kind = operation.WhichOneof("operation")
            if kind == "reply":
                self.assertEqual(operation.reply.request_id, request_id)
                return rows, operation.reply
            self.assertEqual((kind, operation.rows.request_id), ("rows", request_id))
            rows += rows_of(operation.rows.block)

    def scan(self, filter_handle=0, **fields):
        self.client.request_id += 1
        self.client.send(store=session_pb2.StoreRequest(
            request_id=self.client.request_id, scan=storage_pb2.ScanRequest(**fields), filter_handle=filter_handle))
        return self.client.request_id

    def test_on_the_stream(self):
        self.assertEqual(self.put(b"a", b"1").revision, 1)
        self.assertEqual(self.put(b"a", b"2").revision, 2)
        got = self.store(get=storage_pb2.GetRequest(key=b"a")).store.get
        self.assertEqual((got.value, got.create_revision, got.mod_revision, got.version), (b"2", 1, 2, 2))
        missing = self.store(get=storage_pb2.GetRequest(key=b"b"))
        self.assertEqual(missing.status.code, harness.NOT_FOUND)
        self.assertEqual(missing.store.get.status.code, harness.NOT_FOUND)
        self.assertEqual(self.put(b"a", b"3", if_absent=True).status.code, harness.ABORTED)
        self.assertEqual(self.put(b"a", b"3", if_revision=1).status.code, harness.ABORTED)
        self.assertEqual(self.put(b"a", b"3", if_revision=2).revision, 3)
        self.assertEqual(self.put(b"a", b"3", if_revision=2, if_absent=True).status.code, harness.INVALID_ARGUMENT)
        self.assertEqual(self.put(b"", b"3").status.code, harness.INVALID_ARGUMENT)
        delete = storage_pb2.DeleteRequest(key=b"a")
        self.assertEqual(self.store(delete=delete).store.delete.revision, 4)
        self.assertEqual(self.store(delete=delete).status.code, harness.NOT_FOUND)
        self.assertEqual(self.store().status.code, harness.INVALID_ARGUMENT)

    def test_requests_of_a_session_keep_their_order(self):
        for i in range(1, 101):
            self.client.send(store=session_pb2.StoreRequest(request_id=2 * i, put=storage_pb2.PutRequest(
                key=b"a", value=b"%d" % i, durability=storage_pb2.DURABILITY_ASYNC)))
            self.client.send(store=session_pb2.StoreRequest(
                request_id=2 * i + 1, get=storage_pb2.GetRequest(key=b"a")))
        for i in range(1, 101):
            self.assertEqual(self.client.expect("reply").request_id, 2 * i)
            self.assertEqual(self.client.expect("reply").store.get.value, b"%d" % i)

    def test_unary(self):
        storage = self.storage(self.belayd)
        self.assertEqual(storage.Put(storage_pb2.PutRequest(key=b"a", value=b"1")).revision, 1)
        self.assertEqual(storage.Get(storage_pb2.GetRequest(key=b"a")).value, b"1")
        self.assertEqual(storage.Get(storage_pb2.GetRequest(key=b"b")).status.code, harness.NOT_FOUND)
        self.assertEqual(storage.Delete(storage_pb2.DeleteRequest(key=b"a")).revision, 2)
        self.assertEqual(storage.Delete(storage_pb2.DeleteRequest(key=b"a")).status.code, harness.NOT_FOUND)
        parts = list(storage.Scan(storage_pb2.ScanRequest(prefix=b"a", start=b"a")))
        self.assertEqual(parts[-1].status.code, harness.INVALID_ARGUMENT)

    def test_scan(self):
        self.fill(1000)
        rows, reply = self.take_scan(self.client, self.scan())
        self.assertEqual((len(rows), reply.status.code), (1000, harness.OK))
        rows, _ = self.take_scan(self.client, self.scan(prefix=b"k0001", reverse=True, keys_only=True, limit=3))
        self.assertEqual(rows, [(1, b"k00019", b""), (1, b"k00018", b""), (1, b"k00017", b"")])
        rows, reply = self.take_scan(self.client, self.scan(start=b"x"))
        self.assertEqual((rows, reply.status.code), ([], harness.OK))
        parts = list(self.storage(self.belayd).Scan(storage_pb2.ScanRequest(start=b"k00990")))
        self.assertEqual(sum((rows_of(part.block) for part in parts), [])[0][1], b"k00990")

    def test_filter_in_the_same_session(self):
        self.fill(1000)
        filter_handle = self.client.register("every tenth")
        request_id = self.scan(filter_handle=filter_handle)
        seen, kept = 0, []
        while True:
            operation = self.client.next()
            kind = operation.WhichOneof("operation")
            if kind == "call":
                rows = rows_of(operation.call.payload)
                self.client.answer(operation.call.call_id, bitmap([(seen + i) % 10 == 0 for i in range(len(rows))]))
                seen += len(rows)
            elif kind == "rows":
                kept += rows_of(operation.rows.block)
            else:
                self.assertEqual((operation.reply.request_id, operation.reply.status.code), (request_id, 0))
                break
        self.assertEqual(seen, 1000)
        self.assertEqual([key for _, key, _ in kept], [b"k%05d" % i for i in range(0, 1000, 10)])

    def test_filter_by_name_from_elsewhere(self):
        self.fill(20)
        host = self.session(self.belayd, "host")
        hosted = host.register("none", name="keep-none")
        request_id = self.scan(filter_name="keep-none")
        call = host.expect("call")
        self.assertEqual(call.caller, "client")
        host.answer(call.call_id, bitmap([0] * 20))
        self.assertEqual(self.take_scan(self.client, request_id)[0], [])
        # By the unary door, too. The registrant lets go meanwhile: the scan keeps its filter to the end.
        answer = self.storage(self.belayd).Scan(storage_pb2.ScanRequest(filter_name="keep-none"))
        call = host.expect("call")
        host.request("release", handle=hosted)
        host.answer(call.call_id, bitmap([1] * 20))
        self.assertEqual(len(sum((rows_of(part.block) for part in answer), [])), 20)
        self.assertEqual(host.expect("released").handle, hosted)

    def test_bad_filters_fail_the_scan(self):
        self.fill(20)
        filter_handle = self.client.register("bad")

        def answered(**answer):
            request_id = self.scan(filter_handle=filter_handle)
            self.client.answer(self.client.expect("call").call_id, **answer)
            rows, reply = self.take_scan(self.client, request_id)
            self.assertEqual(rows, [])
            return reply.status.code

        self.assertNotEqual(answered(payload=b""), harness.OK)
        self.assertNotEqual(answered(payload=bytes(4)), harness.OK)
        self.assertEqual(answered(status=session_pb2.Reply(status={"code": 3}).status), harness.CALLBACK_FAILED)
        rows, reply = self.take_scan(self.client, self.scan(filter_handle=999))
        self.assertEqual((rows, reply.status.code), ([], harness.MALFORMED))
        _, reply = self.take_scan(self.client, self.scan(filter_name="nobody"))
        self.assertEqual(reply.status.code, harness.NOT_FOUND)
        self.assertEqual(self.store(get=storage_pb2.GetRequest(key=b"a"), filter_handle=filter_handle).status.code,
                         harness.INVALID_ARGUMENT)

    def test_filter_whose_host_goes(self):
        self.fill(20)
        host = self.session(self.belayd, "host")
        host.register("f", name="f")
        request_id = self.scan(filter_name="f")
        host.expect("call")
        host.close()
        self.assertEqual(self.take_scan(self.client, request_id)[1].status.code, harness.HOST_LOST)

    def test_a_large_scan_in_bounded_steps(self):
        self.fill(64, bytes(100_000))
        rows, reply = self.take_scan(self.client, self.scan())
        self.assertEqual((len(rows), reply.status.code), (64, harness.OK))
        self.assertEqual(rows[63], (1, b"k00063", bytes(100_000)))

    def test_a_row_larger_than_any_block(self):
        value = bytes(5 << 20)
        self.assertEqual(self.put(b"large", value).revision, 1)
        rows, _ = self.take_scan(self.client, self.scan())
        self.assertEqual(rows, [(1, b"large", value)])

    def test_watch(self):
        callback = self.client.register("watcher")
        watch = self.client.request("attach_watch", handle=callback, prefix=b"w/").handle
        self.assertNotEqual(watch, callback)
        storage = self.storage(self.belayd)
        storage.Put(storage_pb2.PutRequest(key=b"other", value=b"0"))
        storage.Put(storage_pb2.PutRequest(key=b"w/a", value=b"1"))
        call = self.client.expect("call")
        self.assertEqual((call.handle, rows_of(call.payload)), (callback, [(1, b"w/a", b"1")]))
        self.client.answer(call.call_id)
        storage.Delete(storage_pb2.DeleteRequest(key=b"w/a"))
        call = self.client.expect("call")
        self.assertEqual(rows_of(call.payload), [(2, b"w/a", b"")])
        self.client.answer(call.call_id)
        # A watch is no callback, and the other way round.
        self.assertEqual(self.client.request("retain", handle=watch).status.code, harness.WRONG_KIND)
        self.assertEqual(self.client.request("detach_watch", handle=callback).status.code, harness.WRONG_KIND)
        self.client.call(1, watch)
        self.assertEqual(self.client.expect("result").status.code, harness.WRONG_KIND)
        # The watch holds a reference of its own.
        self.assertEqual(self.client.request("release", handle=callback).status.code, harness.OK)
        storage.Put(storage_pb2.PutRequest(key=b"w/b", value=b"2"))
        self.client.answer(self.client.expect("call").call_id)
        self.assertEqual(self.client.request("detach_watch", handle=watch).status.code, harness.OK)
        self.assertEqual(self.client.expect("released").handle, callback)
        self.assertEqual(self.client.request("detach_watch", handle=watch).status.code, harness.STALE)

    def test_watch_from_the_past_and_of_a_session_that_goes(self):
        for i in range(3):
            self.put(b"w/%d" % i, b"x")
        other = self.session(self.belayd, "other")
        callback = other.register("watcher")
        # Calls may begin before the attach is answered.
        other.send(attach_watch=session_pb2.AttachWatch(
            request_id=100, handle=callback, prefix=b"w/", from_revision=2))
        operations = {kind: getattr(operation, kind) for operation in (other.next(), other.next())
                      for kind in [operation.WhichOneof("operation")]}
        self.assertEqual(operations["reply"].status.code, harness.OK)
        call = operations["call"]
        self.assertEqual([key for _, key, _ in rows_of(call.payload)], [b"w/1", b"w/2"])
        other.close()
        self.assertEqual(self.put(b"w/4", b"x").revision, 4)


class NoStoreTest(harness.Test):

    def test_without_a_store(self):
        belayd = self.start(store=False)
        client = self.session(belayd)
        reply = client.request("store", get=storage_pb2.GetRequest(key=b"a"))
        self.assertEqual((reply.status.code, reply.status.reason), (harness.FAILED_PRECONDITION, "NO_STORE"))
        response = self.storage(belayd).Get(storage_pb2.GetRequest(key=b"a"))
        self.assertEqual(response.status.reason, "NO_STORE")
        callback = client.register()
        self.assertEqual(client.request("attach_watch", handle=callback).status.code, harness.FAILED_PRECONDITION)
        parts = list(self.storage(belayd).Scan(storage_pb2.ScanRequest()))
        self.assertEqual(parts[-1].status.reason, "NO_STORE")


if __name__ == "__main__":
    harness.main()
