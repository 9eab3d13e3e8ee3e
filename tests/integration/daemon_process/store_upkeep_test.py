"""What operators ask of the store, over the wire."""

import os

import grpc
import harness
from belay.v1 import storage_pb2


class UpkeepTest(harness.Test):

    def setUp(self):
        super().setUp()
        self.backups = os.path.join(self.folder, "backups")
        os.mkdir(self.backups)

    def filled(self, *arguments):
        belayd = self.start(*arguments)
        storage = self.storage(belayd)
        for i in range(100):
            storage.Put(storage_pb2.PutRequest(
                key=b"k%02d" % i, value=bytes(1000), durability=storage_pb2.DURABILITY_ASYNC))
        self.assertEqual(storage.Flush(storage_pb2.FlushRequest()).status.code, harness.OK)
        return belayd, storage

    def test_S1_a_backup_is_a_store_of_its_own(self):
        belayd, storage = self.filled("--backup-dir", self.backups)
        made = storage.Checkpoint(storage_pb2.CheckpointRequest(name="monday"))
        self.assertEqual((made.status.code, made.path), (harness.OK, os.path.join(self.backups, "monday")))
        again = storage.Checkpoint(storage_pb2.CheckpointRequest(name="monday"))
        self.assertEqual(again.status.code, harness.ALREADY_EXISTS)
        storage.Put(storage_pb2.PutRequest(key=b"after"))
        belayd.stop()
        restored = self.storage(self.start("--data", made.path, store=False))
        self.assertEqual(restored.Count(storage_pb2.CountRequest()).count, 100)

    def test_I7_a_backup_stays_in_its_folder(self):
        _, storage = self.filled("--backup-dir", self.backups)
        for name in ("", "..", "a/b", "../b", ".hidden", "/tmp/b", "a\0b", "a" * 129):
            refused = storage.Checkpoint(storage_pb2.CheckpointRequest(name=name))
            self.assertEqual((name, refused.status.code), (name, harness.INVALID_ARGUMENT))
        self.assertEqual(os.listdir(self.backups), [])

    def test_I7_without_a_folder_there_are_no_backups(self):
        _, storage = self.filled()
        refused = storage.Checkpoint(storage_pb2.CheckpointRequest(name="monday"))
        self.assertEqual((refused.status.code, refused.status.reason),
                         (harness.FAILED_PRECONDITION, "NO_BACKUP_DIR"))
        self.assertIn("--backup-dir", refused.status.message)

    def test_S4_verify_tells_how_far_it_is_and_how_it_ended(self):
        _, storage = self.filled()
        parts = list(storage.Verify(storage_pb2.VerifyRequest()))
        total = parts[-1].total
        self.assertGreater(total, 0)
        self.assertEqual([(part.done, part.total) for part in parts[:-1]],
                         [(i, total) for i in range(1, total + 1)])
        self.assertEqual((parts[-1].done, parts[-1].status.code), (total, harness.OK))
        stopped = storage.Verify(storage_pb2.VerifyRequest())
        stopped.cancel()
        with self.assertRaises(grpc.RpcError):
            list(stopped)

    def test_S1_estimates_compaction_and_statistics(self):
        _, storage = self.filled()
        whole = storage.Estimate(storage_pb2.EstimateRequest())
        part = storage.Estimate(storage_pb2.EstimateRequest(range=storage_pb2.KeyRange(prefix=b"k0")))
        self.assertEqual((whole.status.code, part.status.code), (harness.OK, harness.OK))
        self.assertGreaterEqual(whole.size_bytes, part.size_bytes)
        # Before the audit notes compactions, which takes revisions, too.
        stats = storage.GetStoreStats(storage_pb2.GetStoreStatsRequest())
        self.assertEqual((stats.revision, stats.oldest_revision), (100, 1))
        for key_range, code in ((storage_pb2.KeyRange(), harness.OK),
                                (storage_pb2.KeyRange(start=b"b", end=b"a"), harness.OK),
                                (storage_pb2.KeyRange(start=b"b", prefix=b"a"), harness.INVALID_ARGUMENT)):
            compacted = storage.Compact(storage_pb2.CompactRequest(range=key_range))
            self.assertEqual(compacted.status.code, code)
        self.assertFalse(stats.HasField("health"))
        self.assertIn("table_bytes", [statistic.name for statistic in stats.statistics])


class NoStoreTest(harness.Test):

    def test_I7_each_says_that_there_is_no_store(self):
        storage = self.storage(self.start(store=False))
        for name in ("GetMany", "Write", "Update", "Count", "Estimate", "Flush", "CreateKeyspace", "DropKeyspace",
                     "ListKeyspaces", "Compact", "Checkpoint", "GetStoreStats"):
            response = getattr(storage, name)(getattr(storage_pb2, name + "Request")())
            self.assertEqual((name, response.status.reason), (name, "NO_STORE"))
        self.assertEqual(list(storage.Verify(storage_pb2.VerifyRequest()))[-1].status.reason, "NO_STORE")


if __name__ == "__main__":
    harness.main()
