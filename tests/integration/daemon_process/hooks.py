"""What the tests of hooks share: a host of callbacks, a writer, and the questions that go between them."""

import harness
from belay.v1 import session_pb2, status_pb2, storage_pb2
from rows import rows_of


def refusal(text):
    return status_pb2.Status(code=harness.INVALID_ARGUMENT, message=text)


class HooksTest(harness.Test):

    def setUp(self):
        super().setUp()
        self.belayd = self.start("--max-frame-bytes", "100000")
        self.host = self.session(self.belayd, "host")
        self.writer = self.session(self.belayd, "writer")

    def attach(self, host=None, callback=0, **fields):
        """A validator: (callback, subscription)."""
        host = host or self.host
        callback = callback or host.register("rule", name="")
        reply = host.request("attach_validator", handle=callback, **fields)
        self.assertEqual(reply.status.code, harness.OK, reply)
        return callback, reply.handle

    def send_put(self, session, key, value=b"v"):
        session.request_id += 1
        session.send(store=session_pb2.StoreRequest(
            request_id=session.request_id, put=storage_pb2.PutRequest(key=key, value=value)))
        return session.request_id

    def put(self, session, key, value=b"v"):
        self.send_put(session, key, value)
        return session.expect("reply")

    def get(self, session, key):
        return session.request("store", get=storage_pb2.GetRequest(key=key)).store.get.value

    def question(self, host=None):
        call = (host or self.host).expect("call")
        return call.call_id, rows_of(call.payload)

    def assert_failed(self, reply, reason):
        self.assertEqual(reply.status.reason, reason, reply)
        self.assertEqual(reply.store.put.status.reason, reason)

    def assert_passes_unasked(self, key):
        """Once the broker has noticed that the validator is gone."""
        self.until(lambda: self.put(self.writer, key).status.code == harness.OK)
