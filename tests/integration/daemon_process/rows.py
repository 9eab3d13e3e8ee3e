"""Row blocks and filters' bitmaps, in Python."""

import struct

PUT, DELETE, OLD = 1, 2, 3


def rows_of(block):
    """[(kind, key, value)] of a row block."""
    version, count = struct.unpack_from("<II", block)
    assert version == 1
    offset, rows = 8, []
    for _ in range(count):
        _, kind, key_size, value_size, _ = struct.unpack_from("<QIIII", block, offset)
        offset += 24
        key = block[offset:offset + key_size]
        offset += key_size
        rows.append((kind, key, block[offset:offset + value_size]))
        offset += value_size
    assert offset == len(block)
    return rows


def block_of(*rows):
    """The row block of (kind, key, value)s."""
    block = struct.pack("<II", 1, len(rows))
    for kind, key, value in rows:
        block += struct.pack("<QIIII", 0, kind, len(key), len(value), 0) + key + value
    return block


def bitmap(flags):
    packed = bytearray((len(flags) + 7) // 8)
    for i, flag in enumerate(flags):
        packed[i // 8] |= flag << (i % 8)
    return bytes(packed)
