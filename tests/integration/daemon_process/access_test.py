"""Who is let in, and what that lets it do: tokens and policies, as a belayd has them and reads them again."""

import os
import signal

import grpc

import access
import harness
from belay.v1 import admin_pb2, admin_pb2_grpc, session_pb2, session_pb2_grpc, storage_pb2, storage_pb2_grpc

HEALTH = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


class TokensTest(access.Test):

    def setUp(self):
        super().setUp()
        self.tokens = self.write_tokens(shop="secret-1", lookout="secret-2")

    def start_tokens(self, *arguments):
        belayd = self.start("--listen", "127.0.0.1:0", "--allow-plaintext-loopback", "--tokens", self.tokens,
                            *arguments)
        self.port = belayd.targets[1]
        self.stubs = grpc.insecure_channel(self.port, options=[("grpc.use_local_subchannel_pool", 1)])
        self.addCleanup(self.stubs.close)
        return belayd

    def unary(self, metadata):
        """The code of each unary door."""
        calls = [
            (session_pb2_grpc.BrokerStub(self.stubs).Invoke, session_pb2.InvokeRequest(name="none")),
            (storage_pb2_grpc.StorageStub(self.stubs).Get, storage_pb2.GetRequest(key=b"none")),
            (admin_pb2_grpc.AdminStub(self.stubs).ListSessions, admin_pb2.ListSessionsRequest()),
            (admin_pb2_grpc.AdminStub(self.stubs).Revoke, admin_pb2.RevokeRequest(handle=1)),
        ]
        codes = []
        for call, request in calls:
            try:
                call(request, metadata=metadata, timeout=harness.LIMIT_S)
                codes.append(grpc.StatusCode.OK)
            except grpc.RpcError as error:
                codes.append(error.code())
        scan = storage_pb2_grpc.StorageStub(self.stubs).Scan(
            storage_pb2.ScanRequest(), metadata=metadata, timeout=harness.LIMIT_S)
        try:
            list(scan)
            codes.append(grpc.StatusCode.OK)
        except grpc.RpcError as error:
            codes.append(error.code())
        return set(codes)

    def identities(self, belayd):
        return [s.identity for s in self.admin(belayd).ListSessions(admin_pb2.ListSessionsRequest()).sessions]

    def test_a_token_names_its_client(self):
        belayd = self.start_tokens()
        self.as_user(self.port, "secret-1").expect("welcome")
        self.assertEqual(self.identities(belayd), ["token:shop"])
        self.assertEqual(self.unary([("authorization", "Bearer secret-2")]), {grpc.StatusCode.OK})
        # On a unix socket the kernel's word will do; a token is more particular.
        self.session(belayd)
        self.as_user(belayd.target, "secret-2").expect("welcome")
        self.assertEqual(self.identities(belayd), ["token:shop", "uid:%d" % os.getuid(), "token:lookout"])

    def test_without_one_nobody_gets_in_by_tcp(self):
        self.start_tokens()
        self.assertIn("bring a token", self.refused(self.as_user(self.port)))
        self.assertEqual(self.unary([]), {grpc.StatusCode.UNAUTHENTICATED})

    def test_a_forged_one_is_refused_counted_and_never_repeated(self):
        belayd = self.start_tokens()
        forged = "secret-3-forged"
        for target in (self.port, belayd.target):
            said = self.refused(self.as_user(target, forged))
            self.assertIn("none of this broker's", said)
            self.assertNotIn(forged, said)
        for scheme in ("Bearer " + forged, "Basic c2hvcDpzZWNyZXQtMQ==", "bearer", "secret-1", ""):
            self.assertEqual(self.unary([("authorization", scheme)]), {grpc.StatusCode.UNAUTHENTICATED}, scheme)
        self.assertIn("refused by rule UNKNOWN_TOKEN", belayd.log_text())
        self.assertNotIn("secret", belayd.log_text())
        self.assertEqual(self.identities(belayd), [])

    def test_health_and_reflection_are_open(self):
        self.start_tokens()
        health = self.stubs.unary_unary(HEALTH, request_serializer=bytes, response_deserializer=bytes)
        self.assertEqual(health(b"", timeout=harness.LIMIT_S), b"\x08\x01")
        reflection = self.stubs.stream_stream(REFLECTION, request_serializer=bytes, response_deserializer=bytes)
        list_services = b"\x3a\x00"
        self.assertIn(b"belay.v1.Broker", next(reflection(iter([list_services]), timeout=harness.LIMIT_S)))

    def test_one_that_is_withdrawn_ends_its_sessions(self):
        belayd = self.start_tokens()
        shop = self.as_user(self.port, "secret-1")
        lookout = self.as_user(self.port, "secret-2")
        shop.expect("welcome")
        lookout.expect("welcome")
        # Broken: what was stays.
        self.write("tokens", "shop secret-1\n")
        self.until(lambda: "stays in force as it was: " + self.tokens + ":1: " in belayd.log_text())
        self.assertNotIn("secret-1", belayd.log_text())
        self.as_user(self.port, "secret-1").expect("welcome")
        self.write_tokens(lookout="secret-2", new="secret-4")
        belayd.process.send_signal(signal.SIGHUP)
        self.assertEqual(shop.expect("goodbye").status.reason, "UNKNOWN_TOKEN")
        self.assertEqual(shop.expect_end()[0], grpc.StatusCode.UNAUTHENTICATED)
        self.refused(self.as_user(self.port, "secret-1"))
        self.as_user(self.port, "secret-4").expect("welcome")
        lookout.register()

    def test_files_that_others_may_write_are_not_trusted(self):
        os.chmod(self.tokens, 0o622)
        code, said = harness.run_belayd("--listen", "unix:%s/s" % self.folder, "--tokens", self.tokens)
        self.assertEqual(code, 1)
        self.assertIn("chmod go-w " + self.tokens, said)
        policy = self.write("policy.toml", "", 0o602)
        code, said = harness.run_belayd("--listen", "unix:%s/s" % self.folder, "--policy", policy)
        self.assertEqual(code, 1)
        self.assertIn("chmod go-w " + policy, said)

    def test_a_broker_without_tokens_takes_none(self):
        belayd = self.start(store=False)
        self.assertIn("--tokens", self.refused(self.as_user(belayd.target, "secret-1")))


POLICY = """
[[rule]]
name = "shop"
who = ["token:shop"]
register = ["shop/*"]
resolve = ["*"]
invoke = ["shop/*"]
store.read = ["default:shop/", "default:public/"]
store.write = ["default:shop/", "orders"]
hooks = ["default:shop/"]

[[rule]]
name = "everybody else"
who = ["uid:*"]
register = ["*"]
resolve = ["*"]
invoke = ["*"]
store.read = ["*"]
store.write = ["*"]
hooks = ["*"]
admin = ["read", "write"]
"""


class PolicyTest(access.Test):

    def start_policy(self, text=POLICY):
        self.policy = self.write("policy.toml", text)
        belayd = self.start("--tokens", self.write_tokens(shop="s", stranger="x"), "--policy", self.policy)
        self.shop = self.as_user(belayd.target, "s")
        self.shop.expect("welcome")
        self.shop_metadata = [("authorization", "Bearer s")]
        return belayd

    def denied(self, reply, rule="shop"):
        self.assertEqual(reply.status.code, harness.PERMISSION_DENIED, reply)
        self.assertIn('rule "%s"' % rule, reply.status.message)
        self.assertIn("token:shop", reply.status.message)
        self.assertEqual(reply.status.reason, "POLICY")

    def allowed(self, reply):
        self.assertEqual(reply.status.code, harness.OK, reply)
        return reply

    def test_names(self):
        belayd = self.start_policy()
        shop = self.shop
        self.allowed(shop.request("register", name="shop/cart"))
        self.allowed(shop.request("register", label="of no name"))
        self.denied(shop.request("register", name="mail"))
        other = self.session(belayd, "other")
        other.register(name="mail")
        other.register(name="shop/till")
        # It may be found and held, but the registry does not let it be called.
        mail = self.allowed(shop.request("resolve", name="mail")).handle
        shop.call(1, mail)
        self.assertEqual(shop.expect("result").status.code, harness.PERMISSION_DENIED)
        shop.call(2, self.allowed(shop.request("retain", handle=mail)).handle)
        self.assertEqual(shop.expect("result").status.code, harness.PERMISSION_DENIED)
        shop.call(3, shop.resolve("shop/till"))
        other.answer(other.expect("call").call_id, b"yes")
        self.assertEqual(shop.expect("result").payload, b"yes")
        answer = self.broker(belayd).Invoke(session_pb2.InvokeRequest(name="mail"), metadata=self.shop_metadata)
        self.denied(answer)

    def test_keys(self):
        belayd = self.start_policy()
        self.storage(belayd).CreateKeyspace(storage_pb2.CreateKeyspaceRequest(keyspace="orders"))
        storage, shop = self.storage(belayd), self.shop_metadata

        def ask(method, request, **fields):
            on_session = self.shop.request("store", **{fields.pop("kind"): request(**fields)})
            by_unary = method(request(**fields), metadata=shop, timeout=harness.LIMIT_S)
            inner = getattr(on_session.store, on_session.store.WhichOneof("response") or "get")
            code = on_session.status.code or inner.status.code
            self.assertEqual(by_unary.status.code, code, fields)
            return by_unary

        def put(**fields):
            return ask(storage.Put, storage_pb2.PutRequest, kind="put", **fields)

        def count(**fields):
            keyspace = fields.pop("keyspace", "")
            return ask(storage.Count, storage_pb2.CountRequest, kind="count", keyspace=keyspace,
                       range=storage_pb2.KeyRange(**fields))

        self.allowed(put(key=b"shop/a", value=b"1"))
        self.allowed(put(key=b"any", value=b"1", keyspace="orders"))
        self.denied(put(key=b"shop", value=b"1"))
        self.denied(put(key=b"public/a", value=b"1"))
        self.assertEqual(ask(storage.Get, storage_pb2.GetRequest, kind="get", key=b"shop/a").value, b"1")
        self.denied(ask(storage.Get, storage_pb2.GetRequest, kind="get", key=b"any", keyspace="orders"))
        self.denied(ask(storage.GetMany, storage_pb2.GetManyRequest, kind="get_many", keys=[b"shop/a", b"x"]))
        self.allowed(count(prefix=b"shop/"))
        self.allowed(count(start=b"shop/a", end=b"shop0"))
        self.allowed(count(start=b"shop/a", end=b"shop/b"))
        self.denied(count(prefix=b"shop"))
        self.denied(count(start=b"shop/a", end=b"shop1"))
        self.denied(count(start=b"shop/a"))
        self.denied(count())
        write = storage_pb2.WriteRequest(operations=[
            storage_pb2.WriteOperation(put=storage_pb2.PutOperation(key=b"shop/b", value=b"2")),
            storage_pb2.WriteOperation(delete_range=storage_pb2.KeyRange(prefix=b"s"))])
        self.denied(storage.Write(write, metadata=shop))
        self.assertEqual(list(storage.Scan(storage_pb2.ScanRequest(), metadata=shop))[0].status.code,
                         harness.PERMISSION_DENIED)
        self.denied(storage.Merge(storage_pb2.MergeRequest(key=b"shop/a", operator_name="mail"), metadata=shop))
        self.denied(storage.DropKeyspace(storage_pb2.DropKeyspaceRequest(keyspace="default"), metadata=shop))
        self.denied(storage.Compact(storage_pb2.CompactRequest(), metadata=shop))

    def test_hooks(self):
        self.start_policy()
        shop = self.shop
        handle = shop.register()
        self.allowed(shop.request("attach_watch", handle=handle, prefix=b"shop/"))
        self.denied(shop.request("attach_watch", handle=handle, prefix=b"public/"))
        self.allowed(shop.request("attach_validator", handle=handle, prefix=b"shop/x"))
        self.denied(shop.request("attach_validator", handle=handle))

    def test_the_admin_door(self):
        belayd = self.start_policy()
        with self.assertRaises(grpc.RpcError) as caught:
            self.admin(belayd).ListHandles(admin_pb2.ListHandlesRequest(), metadata=self.shop_metadata)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.PERMISSION_DENIED)
        self.assertIn('rule "shop"', caught.exception.details())
        self.admin(belayd).ListHandles(admin_pb2.ListHandlesRequest())

    def test_whom_no_rule_is_for_is_denied_everything(self):
        belayd = self.start_policy(POLICY.replace("uid:*", "uid:4294967295"))
        reply = self.session(belayd).request("resolve", name="x")
        self.assertEqual((reply.status.code, reply.status.reason), (harness.PERMISSION_DENIED, "NO_RULE"))

    def test_one_that_changes_is_in_force_soon_and_a_broken_one_is_not(self):
        belayd = self.start_policy()
        self.denied(self.shop.request("register", name="mail"))
        self.write("policy.toml", POLICY.replace('register = ["shop/*"]', 'regster = ["shop/*"]'))
        self.until(lambda: "policy.toml stays in force as it was: " in belayd.log_text())
        self.assertRegex(belayd.log_text(), r'policy\.toml:5:\d+: unknown key "regster"')
        self.denied(self.shop.request("register", name="mail"))
        self.write("policy.toml", POLICY.replace('register = ["shop/*"]', 'register = ["shop/*", "mail"]'))
        self.until(lambda: "policy.toml was read again" in belayd.log_text())
        self.until(lambda: self.shop.request("register", name="mail").status.code == harness.OK)

    def test_a_broken_one_is_refused_at_the_start(self):
        policy = self.write("policy.toml", "[[rule]]\nname = 1\n")
        code, said = harness.run_belayd("--listen", "unix:%s/s" % self.folder, "--policy", policy)
        self.assertEqual(code, 1)
        self.assertIn(policy + ":2:8: expected a text in quotes", said)


if __name__ == "__main__":
    harness.main()
