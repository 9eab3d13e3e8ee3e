"""Updates by callbacks of sessions."""

import harness
from belay.v1 import session_pb2, storage_pb2
from hooks import HooksTest, refusal
from rows import DELETE, PUT, block_of


class UpdateTest(HooksTest):

    def send_update(self, session, key, handle=0, **fields):
        session.request_id += 1
        session.send(store=session_pb2.StoreRequest(
            request_id=session.request_id, callback_handle=handle,
            update=storage_pb2.UpdateRequest(key=key, **fields)))

    def test_S3_it_replaces_deletes_or_leaves_the_value(self):
        callback = self.host.register("counter")
        self.send_update(self.host, b"n", callback)
        call_id, rows = self.question()
        self.assertEqual(rows, [])
        self.host.answer(call_id, block_of((PUT, b"n", b"1")))
        self.assertEqual(self.host.expect("reply").store.update.revision, 1)
        self.send_update(self.host, b"n", callback)
        call_id, rows = self.question()
        self.assertEqual(rows, [(PUT, b"n", b"1")])
        self.host.answer(call_id)
        self.assertEqual(self.host.expect("reply").store.update.revision, 1)
        self.send_update(self.host, b"n", callback)
        self.host.answer(self.question()[0], block_of((DELETE, b"n", b"")))
        self.assertEqual(self.host.expect("reply").store.update.revision, 2)
        self.assertEqual(self.get(self.host, b"n"), b"")

    def test_S3_it_is_called_anew_when_the_key_has_changed(self):
        callback = self.host.register("counter")
        self.send_update(self.host, b"n", callback)
        call_id, _ = self.question()
        self.put(self.writer, b"n", b"7")
        self.host.answer(call_id, block_of((PUT, b"n", b"1")))
        call_id, rows = self.question()
        self.assertEqual(rows, [(PUT, b"n", b"7")])
        self.host.answer(call_id, block_of((PUT, b"n", b"8")))
        self.assertEqual(self.host.expect("reply").store.update.revision, 2)
        self.assertEqual(self.get(self.host, b"n"), b"8")

    def test_S3_by_a_name_and_by_the_unary_door(self):
        self.host.register("counter", name="counter")
        self.send_update(self.writer, b"n", callback_name="counter", timeout_ms=20_000)
        call = self.host.expect("call")
        self.assertEqual(call.caller, "writer")
        self.assertLessEqual(call.timeout_ms, 20_000)
        self.host.answer(call.call_id, block_of((PUT, b"n", b"1")))
        self.assertEqual(self.writer.expect("reply").store.update.revision, 1)
        answer = self.storage(self.belayd).Update.future(
            storage_pb2.UpdateRequest(key=b"n", callback_name="counter"))
        self.host.answer(self.question()[0], block_of((PUT, b"n", b"2")))
        self.assertEqual(answer.result(harness.LIMIT_S).revision, 2)

    def test_S3_updates_that_fail(self):
        callback = self.host.register("counter", name="counter")
        for answer, code, reason in ((dict(payload=b"nonsense"), harness.CALLBACK_FAILED, "BAD_UPDATE_REPLY"),
                                     (dict(payload=block_of((PUT, b"m", b"1"))), harness.CALLBACK_FAILED,
                                      "BAD_UPDATE_REPLY"),
                                     (dict(status=refusal("no")), harness.CALLBACK_FAILED, "INVALID_ARGUMENT")):
            self.send_update(self.writer, b"n", callback_name="counter")
            self.host.answer(self.question()[0], **answer)
            failed = self.writer.expect("reply").store.update.status
            self.assertEqual((failed.code, failed.reason), (code, reason))
        self.send_update(self.writer, b"n", callback_name="nobody")
        self.assertEqual(self.writer.expect("reply").status.code, harness.NOT_FOUND)
        for fields in (dict(), dict(handle=callback, callback_name="counter")):
            self.send_update(self.host, b"n", **fields)
            self.assertEqual(self.host.expect("reply").status.code, harness.INVALID_ARGUMENT)
        self.send_update(self.writer, b"n", callback_name="counter")
        self.question()
        self.host.close()
        self.assertEqual(self.writer.expect("reply").status.code, harness.HOST_LOST)
        self.assertEqual(self.get(self.writer, b"n"), b"")


if __name__ == "__main__":
    harness.main()
