"""Validators by callbacks of sessions: what their hosts may do, and what becomes of writers."""

import harness
from belay.v1 import admin_pb2, session_pb2, storage_pb2
from hooks import HooksTest, refusal
from rows import DELETE, OLD, PUT, block_of


class ValidatorTest(HooksTest):

    def test_S3_it_accepts_amends_and_rejects_the_writes_of_others(self):
        self.attach(prefix=b"g/")
        self.send_put(self.writer, b"g/a", b"1")
        call_id, rows = self.question()
        self.assertEqual(rows, [(PUT, b"g/a", b"1")])
        self.host.answer(call_id)
        self.assertEqual(self.writer.expect("reply").store.put.revision, 1)
        self.send_put(self.writer, b"g/a", b"2")
        self.host.answer(self.question()[0], block_of((PUT, b"g/a", b"two"), (PUT, b"g/log", b"2")))
        self.assertEqual(self.writer.expect("reply").status.code, harness.OK)
        self.assertEqual((self.get(self.writer, b"g/a"), self.get(self.writer, b"g/log")), (b"two", b"2"))
        self.send_put(self.writer, b"g/a", b"3")
        self.host.answer(self.question()[0], status=refusal("no threes"))
        rejected = self.writer.expect("reply")
        self.assert_failed(rejected, "REJECTED")
        self.assertIn("no threes", rejected.status.message)
        self.assertEqual(self.get(self.writer, b"g/a"), b"two")
        # Whoever writes elsewhere asks nobody.
        self.assertEqual(self.put(self.writer, b"free").status.code, harness.OK)

    def test_S3_unary_writes_and_batches_are_asked_about(self):
        self.attach(prefix=b"g/", old_values=True)
        storage = self.storage(self.belayd)
        operations = [storage_pb2.WriteOperation(put=storage_pb2.PutOperation(key=key, value=b"1"))
                      for key in (b"free", b"g/a", b"g/b")]
        answer = storage.Write.future(storage_pb2.WriteRequest(operations=operations))
        call_id, rows = self.question()
        self.assertEqual(rows, [(PUT, b"g/a", b"1"), (PUT, b"g/b", b"1")])
        self.host.answer(call_id)
        self.assertEqual(answer.result(harness.LIMIT_S).revision, 1)
        answer = storage.Write.future(storage_pb2.WriteRequest(
            operations=[storage_pb2.WriteOperation(delete_range=storage_pb2.KeyRange(prefix=b"g/"))]))
        call_id, rows = self.question()
        self.assertEqual(rows, [(OLD, b"g/a", b"1"), (DELETE, b"g/a", b""), (OLD, b"g/b", b"1"), (DELETE, b"g/b", b"")])
        self.host.answer(call_id, status=refusal("keep them"))
        self.assertEqual(answer.result(harness.LIMIT_S).status.reason, "REJECTED")

    def test_S3_what_it_decided_by_old_values_holds_at_the_commit(self):
        other = self.session(self.belayd, "other")
        self.attach(prefix=b"g/", old_values=True)
        self.send_put(self.writer, b"g/a", b"1")
        first, _ = self.question()
        self.send_put(other, b"g/a", b"0")
        second, _ = self.question()
        self.host.answer(second)
        self.assertEqual(other.expect("reply").store.put.revision, 1)
        self.host.answer(first)
        call_id, rows = self.question()
        self.assertEqual(rows, [(OLD, b"g/a", b"0"), (PUT, b"g/a", b"1")])
        self.host.answer(call_id)
        self.assertEqual(self.writer.expect("reply").store.put.revision, 2)

    def test_S3_it_may_read_through_the_session_that_waits_for_it(self):
        self.put(self.host, b"limit", b"5")
        self.attach(prefix=b"g/")
        self.send_put(self.host, b"g/a")
        call_id, _ = self.question()
        self.assertEqual(self.get(self.host, b"limit"), b"5")
        self.host.answer(call_id)
        self.assertEqual(self.host.expect("reply").store.put.revision, 2)

    def test_W1_writes_of_a_session_do_not_overtake_one_another(self):
        self.attach(prefix=b"g/")
        first = self.send_put(self.writer, b"g/a")
        call_id, _ = self.question()
        second = self.send_put(self.writer, b"free")
        self.writer.request_id += 1
        self.writer.send(store=session_pb2.StoreRequest(
            request_id=self.writer.request_id, flush=storage_pb2.FlushRequest()))
        self.assertEqual(self.get_while_writes_wait(b"free"), b"")
        self.host.answer(call_id)
        replies = [self.writer.expect("reply") for _ in range(3)]
        self.assertEqual([reply.request_id for reply in replies], [first, second, second + 1])
        self.assertEqual([reply.store.put.revision for reply in replies[:2]], [1, 2])
        # And when all is done, the next one goes straight again.
        self.assertEqual(self.put(self.writer, b"free").store.put.revision, 3)

    def get_while_writes_wait(self, key):
        self.writer.request_id += 1
        self.writer.send(store=session_pb2.StoreRequest(
            request_id=self.writer.request_id, get=storage_pb2.GetRequest(key=key)))
        reply = self.writer.expect("reply")
        self.assertEqual(reply.request_id, self.writer.request_id)
        return reply.store.get.value

    def test_S3_a_slow_one_delays_only_who_writes_under_its_prefix(self):
        self.attach(prefix=b"g/")
        # More than the store has workers.
        waiting = [self.session(self.belayd, "waiting %d" % i) for i in range(24)]
        for session in waiting:
            self.send_put(session, b"g/%s" % session.welcome.session_id.to_bytes(8, "big"))
        calls = [self.question()[0] for _ in waiting]
        self.assertEqual(self.put(self.writer, b"free").status.code, harness.OK)
        self.assertEqual(self.get(self.writer, b"free"), b"v")
        for call_id in calls:
            self.host.answer(call_id)
        for session in waiting:
            self.assertEqual(session.expect("reply").status.code, harness.OK)

    def test_S3_priorities_and_keyspaces(self):
        created = self.host.request("store", create_keyspace=storage_pb2.CreateKeyspaceRequest(keyspace="b"))
        self.assertEqual(created.status.code, harness.OK)
        late, _ = self.attach(priority=1)
        early, _ = self.attach(priority=-1)
        elsewhere, _ = self.attach(keyspace="b")
        self.send_put(self.writer, b"a")
        for callback in (early, late):
            call = self.host.expect("call")
            self.assertEqual(call.handle, callback)
            self.host.answer(call.call_id)
        self.assertEqual(self.writer.expect("reply").status.code, harness.OK)
        answer = self.storage(self.belayd).Put.future(storage_pb2.PutRequest(key=b"a", keyspace="b"))
        call = self.host.expect("call")
        self.assertEqual(call.handle, elsewhere)
        self.host.answer(call.call_id)
        self.assertEqual(answer.result(harness.LIMIT_S).status.code, harness.OK)

    def test_R2_detaching(self):
        callback, validator = self.attach()
        self.assertEqual(self.host.request("detach_watch", handle=callback).status.code, harness.WRONG_KIND)
        self.assertEqual(self.host.request("retain", handle=validator).status.code, harness.WRONG_KIND)
        self.assertEqual(self.host.request("detach_watch", handle=validator).status.code, harness.OK)
        self.assertEqual(self.host.request("detach_watch", handle=validator).status.code, harness.STALE)
        self.assertEqual(self.put(self.writer, b"a").status.code, harness.OK)
        _, validator = self.attach(callback=callback)
        self.assertEqual(self.host.request("release", handle=validator).status.code, harness.OK)
        self.assertEqual(self.put(self.writer, b"a").status.code, harness.OK)


class ValidatorEndTest(HooksTest):

    def test_S3_a_host_that_goes_while_it_is_asked_fails_the_write(self):
        self.attach()
        self.send_put(self.writer, b"a")
        self.question()
        self.host.close()
        failed = self.writer.expect("reply")
        self.assert_failed(failed, "VALIDATOR_FAILED")
        self.assertEqual(failed.status.code, harness.UNAVAILABLE)
        self.assertIn("HOST_LOST", failed.status.message)
        self.assertEqual(self.get(self.writer, b"a"), b"")
        self.assert_passes_unasked(b"a")

    def test_S3_unless_it_was_attached_to_be_passed_over(self):
        self.attach(fail_open=True)
        self.send_put(self.writer, b"a")
        self.question()
        self.host.close()
        self.assertEqual(self.writer.expect("reply").store.put.revision, 1)
        self.assertIn("a write passes unasked", self.belayd.log_text())

    def test_S3_it_goes_with_the_session_that_attached_it(self):
        self.host.register("rule", name="rule")
        attacher = self.session(self.belayd, "attacher")
        admin = self.admin(self.belayd)
        self.attach(attacher, attacher.resolve("rule"))
        self.send_put(self.writer, b"a")
        self.host.answer(self.question()[0])
        self.assertEqual(self.writer.expect("reply").status.code, harness.OK)
        hooks = admin.ListHooks(admin_pb2.ListHooksRequest()).hooks
        self.assertEqual([(hook.kind, hook.label, hook.keyspace, hook.holder, hook.callback_label,
                           hook.callback_owner, hook.calls) for hook in hooks],
                         [("validator", 'validator on ""', "default", "attacher", "rule", "host", 1)])
        attacher.close()
        names = lambda: [s.client_name for s in admin.ListSessions(admin_pb2.ListSessionsRequest()).sessions]
        self.until(lambda: "attacher" not in names())
        self.assertEqual(self.put(self.writer, b"a").status.code, harness.OK)
        self.assertEqual(len(admin.ListHooks(admin_pb2.ListHooksRequest()).hooks), 0)

    def test_S3_one_that_does_not_answer_in_time(self):
        self.attach(timeout_ms=1000)
        self.send_put(self.writer, b"a")
        self.assertIn(self.host.expect("call").timeout_ms, range(1, 1001))
        failed = self.writer.expect("reply")
        self.assert_failed(failed, "VALIDATOR_FAILED")
        self.assertIn("DEADLINE_EXCEEDED", failed.status.message)
        self.assertEqual(self.get(self.writer, b"a"), b"")

    def test_S3_one_whose_answer_is_no_row_block(self):
        self.attach()
        self.send_put(self.writer, b"a")
        self.host.answer(self.question()[0], b"nonsense")
        self.assert_failed(self.writer.expect("reply"), "VALIDATOR_FAILED")

    def test_W7_a_question_is_no_larger_than_a_frame(self):
        for key in (b"a", b"b"):
            self.put(self.writer, key, bytes(60_000))
        self.attach(old_values=True)
        refused = self.storage(self.belayd).Write(storage_pb2.WriteRequest(
            operations=[storage_pb2.WriteOperation(delete_range=storage_pb2.KeyRange())]))
        self.assertEqual(refused.status.reason, "VALIDATOR_FAILED")
        self.assertIn("max_frame_bytes is 100000", refused.status.message)

    def test_I7_what_cannot_be_attached(self):
        callback = self.host.register("rule")
        for fields, code in (({"handle": 99}, harness.MALFORMED),
                             ({"handle": callback, "keyspace": "none"}, harness.NOT_FOUND),
                             ({"handle": callback, "prefix": bytes(70_000)}, harness.INVALID_ARGUMENT)):
            reply = self.host.request("attach_validator", **fields)
            self.assertEqual((reply.status.code, reply.handle), (code, 0), reply)


if __name__ == "__main__":
    harness.main()
