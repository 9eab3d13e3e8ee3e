"""HTTP/2 by hand: a client that says what no library would."""

import socket
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_FRAME_BYTES = 16384
MAX_WINDOW_BYTES = 2**31 - 1
INITIAL_WINDOW_BYTES = 65535
SETTING_INITIAL_WINDOW_SIZE = 4


def frame(kind, payload=b"", flags=0, stream=0):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


# The client reads as much as the server likes to write; its acknowledgement comes before the server's
# settings, so it is repeated once they are there.
OPENING = (PREFACE + frame(SETTINGS, struct.pack(">HI", SETTING_INITIAL_WINDOW_SIZE, MAX_WINDOW_BYTES)) +
           frame(WINDOW_UPDATE, struct.pack(">I", MAX_WINDOW_BYTES - INITIAL_WINDOW_BYTES)))
SETTINGS_ACK = frame(SETTINGS, flags=ACK)


def field(name, value):
    """A header as HPACK's literal without indexing; each part under 127 bytes."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def call_headers(path):
    return (b"\x83\x86" + field(b":path", path) + field(b":authority", b"x") +
            field(b"content-type", b"application/grpc") + field(b"te", b"trailers"))


def connect(target):
    """A connection to belayd's "127.0.0.1:port" or "unix:/path", nothing said yet."""
    if target.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(target[len("unix:"):])
        return connection
    host, port = target.rsplit(":", 1)
    return socket.create_connection((host, int(port)))


def frames(connection):
    """(type, flags, stream) of what the server sends, until it closes."""
    with connection.makefile("rb") as stream:
        while len(header := stream.read(9)) == 9:
            stream.read(int.from_bytes(header[:3], "big"))
            yield header[3], header[4], int.from_bytes(header[5:], "big")


def send_until_refused(connection, data):
    """Sends it all, or what the server takes before it closes. Whether it took it all."""
    try:
        connection.sendall(data)
        return True
    except (BrokenPipeError, ConnectionResetError):
        return False


def is_closed(connection, limit_s=60):
    """Reads to the end; false if there is none within the limit."""
    connection.settimeout(limit_s)
    try:
        while connection.recv(1 << 16):
            pass
        return True
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
