"""Files that say who may do what, and clients that are somebody, for tests of both."""

import hashlib
import os

import grpc

import harness
from belay.v1 import session_pb2


class Test(harness.Test):

    def write(self, name, text, mode=0o600):
        """A file that is there whole or not at all."""
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)
        return path

    def write_tokens(self, **tokens):
        return self.write("tokens", "".join("%s %s\n" % (name, hashlib.sha256(token.encode()).hexdigest())
                                            for name, token in tokens.items()))

    def as_user(self, target, token=None, **wishes):
        """A session at the target, with a token or none; its Hello is sent, and not yet answered."""
        session = harness.Session(target, hello=False, token=token)
        self.addCleanup(session.close)
        session.send(hello=session_pb2.Hello(client_name="client", protocol_version=1, **wishes))
        return session

    def refused(self, session, code=grpc.StatusCode.UNAUTHENTICATED):
        ended = session.expect_end()
        self.assertEqual(ended[0], code, ended)
        return ended[1]
