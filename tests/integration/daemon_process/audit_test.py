"""The audit: who did what when, over the lives of a belayd; and what was refused, counted."""

import grpc

import access
import harness
from belay.v1 import admin_pb2, storage_pb2

POLICY = """
[[rule]]
name = "shop"
who = ["token:shop"]
[[rule]]
name = "users"
who = ["uid:*"]
register = ["*"]
resolve = ["*"]
invoke = ["*"]
store.read = ["*"]
admin = ["read", "write"]
"""


class AuditTest(access.Test):

    def setUp(self):
        super().setUp()
        self.policy = self.write("policy.toml", POLICY)
        self.tokens = self.write_tokens(shop="s")

    def start_audited(self, *arguments, **options):
        return self.start("--policy", self.policy, "--tokens", self.tokens, *arguments, **options)

    def entries(self, belayd, event=None, **fields):
        found = self.admin(belayd).ListAudit(admin_pb2.ListAuditRequest(**fields)).entries
        return [entry for entry in found if event in (None, entry.event)]

    def provoke(self, belayd):
        """One of each kind, but those of the broker's own."""
        host = self.session(belayd, "host")
        host.register("f")
        handle = next(h.handle for h in self.admin(belayd).ListHandles(
            admin_pb2.ListHandlesRequest(kind="callback")).handles)
        self.admin(belayd).Revoke(admin_pb2.RevokeRequest(handle=handle, reason="a test"))
        self.refused(self.as_user(belayd.target, "forged"))
        shop = self.as_user(belayd.target, "s", instance="i", incarnation=1)
        shop.expect("welcome")
        shop.request("resolve", name="f")
        self.as_user(belayd.target, "s", instance="i", incarnation=2).expect("welcome")
        self.write("policy.toml", "broken")
        self.until(lambda: self.entries(belayd, "reload"))

    def check(self, entries):
        self.assertEqual([e.number for e in entries], list(range(1, len(entries) + 1)))
        self.assertEqual(sorted(e.unix_ms for e in entries), [e.unix_ms for e in entries])
        by_event = {e.event: e for e in entries}
        revoke, denied = by_event["revoke"], by_event["denied"]
        self.assertRegex(revoke.who, r"^uid:\d+$")
        self.assertRegex(revoke.where, r"^uid=\d+,pid=\d+$")
        self.assertIn("a test", revoke.what)
        self.assertEqual(denied.who, "token:shop")
        self.assertIn('rule "shop"', denied.what)
        self.assertNotIn("forged", by_event["unauthenticated"].what)
        self.assertEqual(by_event["take_over"].who, "token:shop")
        self.assertTrue(any("policy.toml stays in force" in e.what for e in entries if e.event == "reload"))

    def test_who_did_what_is_there_in_the_next_life(self):
        belayd = self.start_audited()
        self.provoke(belayd)
        entries = self.entries(belayd)
        self.check(entries)
        self.write("policy.toml", POLICY)
        belayd.terminate()
        self.assertEqual(belayd.wait(), 0)
        again = self.start_audited()
        kept = self.entries(again)
        self.assertEqual(kept[:len(entries)], entries)
        self.assertLessEqual({e.event for e in kept[len(entries):]}, {"reload"})
        self.refused(self.as_user(again.target, "forged"))
        self.assertEqual(self.entries(again)[-1].number, kept[-1].number + 1)
        # Pages, and what came since.
        self.assertEqual([e.number for e in self.entries(again, after=2, limit=2)], [3, 4])
        self.assertIn(kept[-1], self.entries(again, since_unix_ms=kept[-1].unix_ms))
        self.assertEqual(self.entries(again, since_unix_ms=kept[-1].unix_ms + 3_600_000), [])
        # The broker's own keyspace is nobody else's, audit or not.
        with_key = self.storage(again).Scan(storage_pb2.ScanRequest(keyspace="system"))
        self.assertEqual(list(with_key)[0].status.code, harness.PERMISSION_DENIED)

    def test_without_a_store_it_is_in_memory(self):
        belayd = self.start_audited(store=False)
        self.provoke(belayd)
        self.check(self.entries(belayd))

    def test_it_has_a_bound(self):
        belayd = self.start_audited("--max-audit-entries", "2")
        self.provoke(belayd)
        self.assertEqual(len(self.entries(belayd)), 2)

    def test_a_flood_of_refusals_is_counted_and_noted_once_a_second(self):
        belayd = self.start_audited()
        for _ in range(30):
            self.refused(self.as_user(belayd.target, "forged"))
        counts = {r.rule: r.count for r in self.admin(belayd).GetStats(admin_pb2.GetStatsRequest()).refusals}
        self.assertEqual(counts, {"UNKNOWN_TOKEN": 30})
        noted = self.entries(belayd, "unauthenticated")
        self.assertLess(len(noted), 30)
        self.assertLessEqual(sum(e.count for e in noted), 30)

    def test_it_is_for_who_may_look(self):
        belayd = self.start_audited()
        with self.assertRaises(grpc.RpcError) as caught:
            self.admin(belayd).ListAudit(admin_pb2.ListAuditRequest(), metadata=[("authorization", "Bearer s")])
        self.assertEqual(caught.exception.code(), grpc.StatusCode.PERMISSION_DENIED)


if __name__ == "__main__":
    harness.main()
