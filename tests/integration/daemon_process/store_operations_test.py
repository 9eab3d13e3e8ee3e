"""Batches, keyspaces, snapshots, times to live and pages of scans, over the wire."""

import harness
from belay.v1 import session_pb2, storage_pb2
from rows import rows_of


def put(key, value=b"v", **fields):
    return storage_pb2.WriteOperation(put=storage_pb2.PutOperation(key=key, value=value, **fields))


def check(key, **fields):
    return storage_pb2.WriteOperation(check=storage_pb2.CheckOperation(key=key, **fields))


def delete_range(**fields):
    return storage_pb2.WriteOperation(delete_range=storage_pb2.KeyRange(**fields))


class Test(harness.Test):

    def setUp(self):
        super().setUp()
        self.belayd = self.start("--max-snapshots", "2", "--max-frame-bytes", "100000")
        self.client = self.session(self.belayd)

    def store(self, **fields):
        return self.client.request("store", **fields)

    def write(self, *operations, **fields):
        return self.store(write=storage_pb2.WriteRequest(operations=operations, **fields)).store.write

    def put(self, key, value=b"v", **fields):
        response = self.store(put=storage_pb2.PutRequest(key=key, value=value, **fields)).store.put
        self.assertEqual(response.status.code, harness.OK)
        return response.revision

    def value(self, key, keyspace="", snapshot=0):
        reply = self.store(get=storage_pb2.GetRequest(key=key, keyspace=keyspace), snapshot_handle=snapshot)
        return reply.store.get.value if reply.status.code == harness.OK else None

    def count(self, snapshot=0, keyspace="", **key_range):
        request = storage_pb2.CountRequest(keyspace=keyspace, range=storage_pb2.KeyRange(**key_range))
        return self.store(count=request, snapshot_handle=snapshot).store.count.count

    def scan(self, snapshot=0, **fields):
        """The keys of a scan, and its reply."""
        self.client.request_id += 1
        self.client.send(store=session_pb2.StoreRequest(
            request_id=self.client.request_id, scan=storage_pb2.ScanRequest(**fields), snapshot_handle=snapshot))
        keys = []
        while True:
            operation = self.client.next()
            if operation.HasField("reply"):
                return keys, operation.reply
            keys += [key for _, key, _ in rows_of(operation.rows.block)]


class BatchTest(Test):

    def test_S1_all_of_it_in_one_revision(self):
        for i in range(5):
            self.put(b"r/%d" % i)
        written = self.write(put(b"a", b"1"), put(b"b", b"2", if_absent=True), delete_range(prefix=b"r/"))
        self.assertEqual((written.status.code, written.revision, written.deleted_count), (harness.OK, 6, 5))
        got = self.store(get_many=storage_pb2.GetManyRequest(keys=[b"b", b"none", b"a"])).store.get_many
        self.assertEqual([(r.key, r.value, r.create_revision, r.mod_revision, r.version) for r in got.records],
                         [(b"b", b"2", 6, 6, 1), (b"a", b"1", 6, 6, 1)])

    def test_S1_a_condition_that_does_not_hold_leaves_nothing(self):
        self.put(b"there", b"old")
        for condition, reason in ((check(b"there", if_absent=True), "KEY_EXISTS"),
                                  (check(b"there", if_revision=7), "REVISION_MISMATCH"),
                                  (check(b"there", if_value=b""), "VALUE_MISMATCH"),
                                  (check(b"none", if_value=b"x"), "VALUE_MISMATCH")):
            refused = self.write(put(b"new"), condition)
            self.assertEqual((refused.status.code, refused.status.reason), (harness.ABORTED, reason))
            self.assertIsNone(self.value(b"new"))
        held = self.write(put(b"new"), check(b"there", if_value=b"old"))
        self.assertEqual((held.status.code, held.revision), (harness.OK, 2))
        # Single writes have them, too; an empty value is one.
        refused = self.store(put=storage_pb2.PutRequest(key=b"there", if_value=b"")).store.put
        self.assertEqual(refused.status.reason, "VALUE_MISMATCH")
        self.assertEqual(self.store(delete=storage_pb2.DeleteRequest(key=b"there", if_value=b"old")).status.code, 0)

    def test_I7_batches_that_make_no_sense(self):
        for operations, reason in (((), "INVALID_ARGUMENT"),
                                   ((storage_pb2.WriteOperation(),), "INVALID_ARGUMENT"),
                                   ((check(b"a"),), "INVALID_ARGUMENT"),
                                   ((put(b"a", if_absent=True, if_value=b""),), "INVALID_ARGUMENT"),
                                   ((put(b"a", ttl_ms=2**53 + 1),), "INVALID_ARGUMENT"),
                                   ((put(b""),), "INVALID_ARGUMENT"),
                                   ((delete_range(prefix=b"a", start=b"b"),), "INVALID_ARGUMENT"),
                                   ((put(b"a"), put(b"a")), "DUPLICATE_KEY")):
            refused = self.write(*operations)
            self.assertEqual((refused.status.code, refused.status.reason), (harness.INVALID_ARGUMENT, reason))
        many = self.storage(self.belayd).Write(storage_pb2.WriteRequest(
            operations=[put(b"%d" % i, b"") for i in range(10_001)]))
        self.assertEqual((many.status.code, many.status.reason), (harness.INVALID_ARGUMENT, "LIMIT_EXCEEDED"))
        self.assertEqual(self.count(), 0)

    def test_W7_an_answer_is_no_larger_than_a_frame(self):
        for key in (b"a", b"b"):
            self.put(key, bytes(60_000))
        request = storage_pb2.GetManyRequest(keys=[b"a", b"b"])
        for answer in (self.store(get_many=request).store.get_many, self.storage(self.belayd).GetMany(request)):
            self.assertEqual((answer.status.code, answer.status.reason),
                             (harness.RESOURCE_EXHAUSTED, "ANSWER_TOO_LARGE"))
            self.assertIn("max_frame_bytes is 100000", answer.status.message)
            self.assertEqual(len(answer.records), 0)


class KeyspaceTest(Test):

    def create(self, name):
        return self.store(create_keyspace=storage_pb2.CreateKeyspaceRequest(keyspace=name)).store.create_keyspace

    def test_S1_keyspaces_are_apart(self):
        made = self.create("b")
        self.assertEqual(made.status.code, harness.OK)
        self.assertEqual(self.create("b").status.code, harness.ALREADY_EXISTS)
        self.assertEqual(self.put(b"k", b"default"), 1)
        self.assertEqual(self.put(b"k", b"b", keyspace="b"), 2)  # revisions are the store's
        self.assertEqual((self.value(b"k"), self.value(b"k", "b")), (b"default", b"b"))
        self.assertEqual(self.value(b"k", "default"), b"default")
        self.put(b"only", keyspace="b")
        self.assertEqual((self.count(), self.count(keyspace="b")), (1, 2))
        self.assertEqual(self.scan(keyspace="b")[0], [b"k", b"only"])
        listed = self.store(list_keyspaces=storage_pb2.ListKeyspacesRequest()).store.list_keyspaces
        self.assertEqual([keyspace.name for keyspace in listed.keyspaces], ["b", "default", "system"])
        dropped = self.store(drop_keyspace=storage_pb2.DropKeyspaceRequest(keyspace="b"))
        self.assertEqual(dropped.status.code, harness.OK)
        gone = self.store(get=storage_pb2.GetRequest(key=b"k", keyspace="b"))
        self.assertEqual((gone.status.code, gone.status.reason), (harness.NOT_FOUND, "NO_KEYSPACE"))
        again = self.create("b")
        self.assertGreater(again.id, made.id)
        self.assertIsNone(self.value(b"k", "b"))

    def test_I7_the_brokers_own_keyspaces(self):
        for reply in (self.store(get=storage_pb2.GetRequest(key=b"k", keyspace="system")),
                      self.store(create_keyspace=storage_pb2.CreateKeyspaceRequest(keyspace="system")),
                      self.store(drop_keyspace=storage_pb2.DropKeyspaceRequest(keyspace="system"))):
            self.assertEqual((reply.status.code, reply.status.reason),
                             (harness.PERMISSION_DENIED, "SYSTEM_KEYSPACE"))
        drop = self.store(drop_keyspace=storage_pb2.DropKeyspaceRequest(keyspace="default"))
        self.assertEqual(drop.status.code, harness.FAILED_PRECONDITION)
        self.assertEqual(self.create("a/b").status.code, harness.INVALID_ARGUMENT)
        callback = self.client.register()
        refused = self.client.request("attach_watch", handle=callback, keyspace="system")
        self.assertEqual(refused.status.code, harness.PERMISSION_DENIED)

    def test_S3_a_watch_is_of_one_keyspace(self):
        self.create("b")
        callback = self.client.register()
        self.assertEqual(self.client.request("attach_watch", handle=callback, keyspace="b").status.code, harness.OK)
        storage = self.storage(self.belayd)
        storage.Put(storage_pb2.PutRequest(key=b"x"))
        storage.Put(storage_pb2.PutRequest(key=b"y", keyspace="b"))
        self.assertEqual([key for _, key, _ in rows_of(self.client.expect("call").payload)], [b"y"])


class SnapshotTest(Test):

    def snapshot(self):
        return self.store(snapshot=session_pb2.SnapshotRequest()).store.snapshot

    def test_S1_a_snapshot_shows_its_moment_by_every_read(self):
        self.put(b"a", b"old")
        taken = self.snapshot()
        self.assertEqual((taken.status.code, taken.revision), (harness.OK, 1))
        self.put(b"a", b"new")
        self.put(b"b")
        self.assertEqual((self.value(b"a", snapshot=taken.handle), self.value(b"a")), (b"old", b"new"))
        many = self.store(get_many=storage_pb2.GetManyRequest(keys=[b"a", b"b"]), snapshot_handle=taken.handle)
        self.assertEqual([record.value for record in many.store.get_many.records], [b"old"])
        keys, reply = self.scan(snapshot=taken.handle)
        self.assertEqual((keys, reply.store.scan.revision), ([b"a"], 1))
        self.assertEqual((self.count(snapshot=taken.handle), self.count()), (1, 2))

    def test_W1_it_is_taken_behind_what_was_written_before(self):
        self.client.send_frame(*[session_pb2.ClientOperation(store=session_pb2.StoreRequest(
            request_id=i, put=storage_pb2.PutRequest(key=b"%d" % i))) for i in range(1, 51)])
        self.client.request_id = 50
        self.client.send(store=session_pb2.StoreRequest(request_id=51, snapshot=session_pb2.SnapshotRequest()))
        self.client.request_id = 51
        for i in range(1, 51):
            self.assertEqual(self.client.expect("reply").request_id, i)
        self.assertEqual(self.client.expect("reply").store.snapshot.revision, 50)

    def test_R2_its_handle_is_one_of_the_session(self):
        taken = self.snapshot()
        callback = self.client.register()
        self.assertEqual(self.client.request("retain", handle=taken.handle).status.code, harness.WRONG_KIND)
        self.assertEqual(self.client.request("detach_watch", handle=taken.handle).status.code, harness.WRONG_KIND)
        get = storage_pb2.GetRequest(key=b"a")
        self.assertEqual(self.store(get=get, snapshot_handle=callback).status.code, harness.WRONG_KIND)
        other = self.session(self.belayd, "other")
        stranger = other.request("store", get=get, snapshot_handle=taken.handle)
        self.assertEqual(stranger.status.code, harness.MALFORMED)
        write = self.store(put=storage_pb2.PutRequest(key=b"a"), snapshot_handle=taken.handle)
        self.assertEqual(write.status.code, harness.INVALID_ARGUMENT)
        self.assertEqual(self.client.request("release", handle=taken.handle).status.code, harness.OK)
        self.assertEqual(self.client.request("release", handle=taken.handle).status.code, harness.STALE)
        self.assertEqual(self.store(get=get, snapshot_handle=taken.handle).status.code, harness.STALE)

    def test_W7_they_are_bounded_and_end_with_the_session(self):
        first = self.snapshot()
        self.assertEqual(self.snapshot().status.code, harness.OK)
        refused = self.snapshot()
        self.assertEqual((refused.status.code, refused.status.reason, refused.handle),
                         (harness.RESOURCE_EXHAUSTED, "TOO_MANY_SNAPSHOTS", 0))
        self.assertEqual(self.client.request("release", handle=first.handle).status.code, harness.OK)
        self.assertEqual(self.snapshot().status.code, harness.OK)
        storage = self.storage(self.belayd)
        open_now = lambda: {s.name: s.value for s in storage.GetStoreStats(
            storage_pb2.GetStoreStatsRequest()).statistics}["snapshots"]
        self.assertEqual(open_now(), 2)
        self.client.close()
        self.until(lambda: open_now() == 0)


class OtherTest(Test):

    def test_S1_a_key_goes_when_its_time_has_come(self):
        callback = self.client.register()
        self.assertEqual(self.client.request("attach_watch", handle=callback, prefix=b"t/").status.code, harness.OK)
        storage = self.storage(self.belayd)
        storage.Put(storage_pb2.PutRequest(key=b"t/soon", ttl_ms=1))
        storage.Write(storage_pb2.WriteRequest(operations=[put(b"t/later", ttl_ms=10**9)]))
        changes = []
        while len(changes) < 3:
            call = self.client.expect("call")
            changes += [(kind, key) for kind, key, _ in rows_of(call.payload)]
            self.client.answer(call.call_id)
        self.assertEqual(sorted(changes), [(1, b"t/later"), (1, b"t/soon"), (2, b"t/soon")])
        self.assertIsNone(self.value(b"t/soon"))
        self.assertGreater(self.store(get=storage_pb2.GetRequest(key=b"t/later")).store.get.expires_at_ms, 10**12)

    def test_S1_scans_in_pages(self):
        for i in range(10):
            self.put(b"k%d" % i)
        self.assertEqual(self.scan(start_after=b"k6")[0], [b"k7", b"k8", b"k9"])
        self.assertEqual(self.scan(start_after=b"k2", reverse=True)[0], [b"k1", b"k0"])
        self.assertEqual(self.scan(start_after=b"k2", prefix=b"k", limit=2)[0], [b"k3", b"k4"])
        self.assertEqual(self.scan(start_after=b"a", start=b"k8")[0], [b"k8", b"k9"])
        self.assertEqual(self.scan(start_after=b"z", end=b"k1", reverse=True)[0], [b"k0"])
        keys, reply = self.scan(start_after=b"k9", prefix=b"k")
        self.assertEqual((keys, reply.status.code, reply.store.scan.revision), ([], harness.OK, 10))
        parts = list(self.storage(self.belayd).Scan(storage_pb2.ScanRequest(start_after=b"k8")))
        self.assertEqual([part.revision for part in parts], [10])
        self.assertEqual((self.count(start=b"k2", end=b"k5"), self.count(prefix=b"k")), (3, 10))


if __name__ == "__main__":
    harness.main()
