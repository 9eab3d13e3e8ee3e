"""Budgets of an identity, over all its sessions (R14)."""

import grpc

import access
import harness
from belay.v1 import session_pb2


class BudgetsTest(access.Test):

    def start_with(self, budget):
        policy = self.write("policy.toml", """
[[rule]]
name = "shop"
who = ["token:shop"]
register = ["*"]
resolve = ["*"]
invoke = ["*"]
budget = { %s }
[[rule]]
name = "others"
who = ["*"]
register = ["*"]
resolve = ["*"]
invoke = ["*"]
""" % budget)
        self.belayd = self.start("--policy", policy, "--tokens", self.write_tokens(shop="s", till="t"), store=False)

    def shop(self, **wishes):
        session = self.as_user(self.belayd.target, "s", **wishes)
        session.expect("welcome")
        return session

    def exhausted(self, status, bound):
        self.assertEqual((status.code, status.reason), (harness.RESOURCE_EXHAUSTED, "BUDGET"), status)
        self.assertRegex(status.message, r"^token:shop .*%s of rule \"shop\"" % bound)

    def test_R14_sessions(self):
        self.start_with("max_sessions = 2")
        first, _ = self.shop(), self.shop()
        third = self.as_user(self.belayd.target, "s")
        self.exhausted(third.expect("goodbye").status, "max_sessions")
        self.assertEqual(third.expect_end()[0], grpc.StatusCode.RESOURCE_EXHAUSTED)
        # Others have budgets of their own.
        self.as_user(self.belayd.target, "t").expect("welcome")
        first.send(goodbye=session_pb2.Goodbye())
        first.expect_end()
        self.shop()

    def test_R14_a_newer_life_has_the_place_of_its_ghost(self):
        self.start_with("max_sessions = 1")
        self.shop(instance="i", incarnation=1, grace_ms=60_000)
        self.shop(instance="i", incarnation=2)

    def test_R14_callbacks_of_all_sessions_until_they_are_released(self):
        self.start_with("max_callbacks = 2")
        first, second = self.shop(), self.shop()
        handle = first.register()
        second.register()
        self.exhausted(second.request("register").status, "max_callbacks")
        self.assertEqual(first.request("release", handle=handle).status.code, harness.OK)
        first.expect("released")
        second.register()
        # Those of a session that has ended are no longer any.
        second.close()
        self.until(lambda: first.request("register").status.code == harness.OK)

    def test_R14_handles_of_all_sessions(self):
        self.start_with("max_handles = 2")
        other = self.session(self.belayd, "other")
        other.register(name="f")
        first, second = self.shop(), self.shop()
        handle = first.resolve("f")
        second.resolve("f")
        self.exhausted(second.request("resolve", name="f").status, "max_handles")
        self.exhausted(first.request("retain", handle=handle).status, "max_handles")
        self.assertEqual(first.request("release", handle=handle).status.code, harness.OK)
        second.resolve("f")

    def test_R14_calls_of_all_sessions_and_of_none(self):
        self.start_with("max_calls_in_flight = 2, max_queued_bytes = 100")
        other = self.session(self.belayd, "other")
        other.register(name="f")
        first, second = self.shop(), self.shop()
        f = second.resolve("f")
        first.call(1, first.resolve("f"), b"x" * 60)
        running = other.expect("call").call_id
        second.call(1, f, b"x" * 41)
        self.exhausted(second.expect("result").status, "max_queued_bytes")
        second.call(2, f)
        other.expect("call")
        second.call(3, f)
        refused = second.expect("result").status
        self.exhausted(refused, "max_calls_in_flight")
        self.assertEqual(refused.certainty, harness.NOT_SENT)
        unary = self.broker(self.belayd).Invoke(
            session_pb2.InvokeRequest(name="f"), metadata=[("authorization", "Bearer s")], timeout=harness.LIMIT_S)
        self.exhausted(unary.status, "max_calls_in_flight")
        other.answer(running)
        first.expect("result")
        second.call(4, f, b"x" * 100)
        other.expect("call")

    def test_R14_calls_per_second(self):
        self.start_with("calls_per_second = 3")
        other = self.session(self.belayd, "other")
        other.register(name="f")
        shop = self.shop()
        f = shop.resolve("f")
        # As fast as can be: more than 100 calls a second, so most of them are too many.
        for call_id in range(1, 101):
            shop.call(call_id, f)
        # Those that are let through are not answered; so what is answered was refused.
        for _ in range(80):
            self.exhausted(shop.expect("result").status, "calls_per_second")


if __name__ == "__main__":
    harness.main()
