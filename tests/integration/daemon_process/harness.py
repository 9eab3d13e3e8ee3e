"""A belayd of the test's own, and a client that speaks frames and nothing else.

Nothing here sleeps: belayd says when it is ready, and every wait is for an operation, with a limit.
"""

import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc

from belay.v1 import admin_pb2_grpc, session_pb2, session_pb2_grpc, storage_pb2_grpc

LIMIT_S = 60  # far above anything that passes

OK = 0
CANCELLED, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND, ALREADY_EXISTS = 1, 3, 4, 5, 6
PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, ABORTED, UNAVAILABLE = 7, 8, 9, 10, 14
STALE, WRONG_KIND, MALFORMED, UNREGISTERED, REVOKED, HOST_LOST = 32, 33, 34, 35, 36, 40
CALLBACK_FAILED, COMPACTED, STALE_EPOCH = 42, 47, 49
NOT_SENT, SENT_UNKNOWN, STARTED = 1, 2, 3


def belayd_path():
    return os.path.join(os.environ["TEST_SRCDIR"], os.environ["TEST_WORKSPACE"], os.environ["BELAYD"])


class Belayd:
    """A running daemon. `arguments` come after the listen address and, unless told otherwise, the store."""

    def __init__(self, folder, *arguments, store=True, listen=None, descriptors=None):
        self.folder = folder
        self.socket = os.path.join(folder, "belayd.sock")
        command = [belayd_path(), "--listen", listen or "unix:" + self.socket]
        if store:
            command += ["--data", os.path.join(folder, "store")]
        limit = None
        if descriptors:
            limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.log = open(os.path.join(folder, "log"), "w+b")
        self.process = subprocess.Popen(
            command + list(arguments), stdout=subprocess.PIPE, stderr=self.log, preexec_fn=limit)
        line = self.process.stdout.readline().decode()
        if not line.startswith("belayd ready "):
            raise AssertionError("belayd did not get ready: %r\n%s" % (line, self.log_text()))
        self.targets = line.split()[2:]
        self.target = self.targets[0]

    def log_text(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            return log.read()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        return self.process.wait(LIMIT_S)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def run_belayd(*arguments, env=None):
    """Runs a belayd that is expected not to start: (exit code, what it says)."""
    done = subprocess.run([belayd_path(), *arguments], capture_output=True, text=True, timeout=LIMIT_S,
                          env=dict(os.environ, **(env or {})), check=False)
    return done.returncode, done.stderr


class Session:
    """One stream. Operations received wait in a queue, in order; the stream's end is the last of them."""

    def __init__(self, target, name="client", hello=True, credentials=None, token=None, **wishes):
        options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        self.channel = (grpc.secure_channel(target, credentials, options) if credentials else
                        grpc.insecure_channel(target, options))
        self.sequence = 0
        self.request_id = 0
        self.ack = 0
        self.is_resuming = False
        self.frames = 0
        self.acks = queue.Queue()
        self._out = queue.Queue()
        self._in = queue.Queue()
        self._stream = self.channel.stream_stream(
            "/belay.v1.Broker/Session",
            request_serializer=lambda data: data,
            response_deserializer=session_pb2.ServerFrame.FromString)(
                iter(self._out.get, None), metadata=[("authorization", "Bearer " + token)] if token else None)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if hello:
            self.send(hello=session_pb2.Hello(client_name=name, protocol_version=1, **wishes))
            self.welcome = self.expect("welcome")

    def _read(self):
        try:
            for frame in self._stream:
                # The Welcome of a session that is resumed takes no number.
                is_numbered = bool(frame.operations) and frame.first_sequence != 0
                if self.is_resuming and is_numbered and frame.operations[0].HasField("goodbye"):
                    is_numbered = False  # the resume is refused: of no session's numbers
                if is_numbered and frame.first_sequence != self.ack + 1:
                    self._in.put(AssertionError("frame out of sequence: %s" % frame))
                self.frames += 1
                self.acks.put(frame.ack)
                if is_numbered:
                    self.ack += len(frame.operations)
                for operation in frame.operations:
                    self._in.put(operation)
            self._in.put((grpc.StatusCode.OK, ""))
        except grpc.RpcError as error:
            self._in.put((error.code(), error.details()))

    def send_bytes(self, data):
        self._out.put(data)

    def send_frame(self, *operations, first_sequence=None, ack=0):
        frame = session_pb2.ClientFrame(
            first_sequence=self.sequence + 1 if first_sequence is None else first_sequence,
            ack=ack, operations=operations)
        self.sequence += len(operations)
        self.send_bytes(frame.SerializeToString())

    def send(self, **operation):
        self.send_frame(session_pb2.ClientOperation(**operation))

    def next(self):
        received = self._in.get(timeout=LIMIT_S)
        if isinstance(received, AssertionError):
            raise received
        return received

    def expect(self, kind):
        """The next operation, which must be of this kind."""
        operation = self.next()
        if isinstance(operation, tuple):
            raise AssertionError("wanted %s, the stream ended: %s" % (kind, operation))
        if operation.WhichOneof("operation") != kind:
            raise AssertionError("wanted %s, got %s" % (kind, operation))
        return getattr(operation, kind)

    def expect_end(self):
        ended = self.next()
        if not isinstance(ended, tuple):
            raise AssertionError("wanted the stream's end, got %s" % ended)
        return ended

    def request(self, kind, **fields):
        """Sends a request and takes its Reply, which must come next."""
        self.request_id += 1
        message = session_pb2.ClientOperation.DESCRIPTOR.fields_by_name[kind].message_type._concrete_class
        self.send(**{kind: message(request_id=self.request_id, **fields)})
        reply = self.expect("reply")
        if reply.request_id != self.request_id:
            raise AssertionError("a reply to another request: %s" % reply)
        return reply

    def register(self, label="callback", name=""):
        reply = self.request("register", label=label, name=name)
        if reply.status.code:
            raise AssertionError("register failed: %s" % reply)
        return reply.handle

    def resolve(self, name):
        reply = self.request("resolve", name=name)
        if reply.status.code:
            raise AssertionError("resolve failed: %s" % reply)
        return reply.handle

    def call(self, call_id, handle, payload=b"", timeout_ms=0):
        self.send(call=session_pb2.Call(call_id=call_id, handle=handle, payload=payload, timeout_ms=timeout_ms))

    def answer(self, call_id, payload=b"", status=None):
        self.send(result=session_pb2.CallResult(call_id=call_id, payload=payload, status=status))

    def half_close(self):
        self._out.put(None)

    def close(self):
        self._stream.cancel()
        self._out.put(None)
        self._reader.join(LIMIT_S)
        self.channel.close()


class Test(unittest.TestCase):
    """A fresh folder for each test, and what it starts is ended with it."""

    def setUp(self):
        # Not TEST_TMPDIR: a unix socket's path may have 107 bytes.
        self.folder = tempfile.mkdtemp(prefix="belayd", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, *arguments, **options):
        belayd = Belayd(self.folder, *arguments, **options)
        self.addCleanup(belayd.stop)
        return belayd

    def session(self, belayd, name="client", hello=True, **wishes):
        session = Session(belayd.target, name, hello, **wishes)
        self.addCleanup(session.close)
        return session

    def channel(self, belayd):
        # Not shared: a daemon that is started again under the same name is another one.
        channel = grpc.insecure_channel(belayd.target, options=[("grpc.use_local_subchannel_pool", 1)])
        self.addCleanup(channel.close)
        return channel

    def until(self, is_true):
        """Asks until it is so: for what the daemon does by itself, and tells nobody."""
        limit = time.monotonic() + LIMIT_S
        while not is_true():
            self.assertLess(time.monotonic(), limit)

    def broker(self, belayd):
        return session_pb2_grpc.BrokerStub(self.channel(belayd))

    def storage(self, belayd):
        return storage_pb2_grpc.StorageStub(self.channel(belayd))

    def admin(self, belayd):
        return admin_pb2_grpc.AdminStub(self.channel(belayd))


def main():
    unittest.main(argv=[sys.argv[0], "-v"])
