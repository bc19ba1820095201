"""How many bytes a compressed stream really holds: image readers do not always say when it is cut."""

from __future__ import annotations

import zlib
from typing import BinaryIO

GZIP_MARK = b"\x1f\x8b"
"""The first two bytes of a gzip file (RFC 1952)."""

_BLOCK = 1 << 20
_GZIP_OR_ZLIB = 47
"""zlib's window bits that accept either header (15 bits of window + 32)."""


def unpacked_bytes(stream: BinaryIO) -> int:
    """Bytes that unpack from a gzip or zlib stream, from its position up to its end or to the first damage.

    The last member counts only if its checksum is right: a stream with one wrong byte, or one that was cut,
    yields fewer bytes than it promised. Joined gzip members are read as one.
    """
    total = member = 0
    unpack = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
    while block := stream.read(_BLOCK):
        while block:
            try:
                member += len(unpack.decompress(block))
            except zlib.error:
                return total
            block = b""
            if unpack.eof:
                total, member = total + member, 0
                block = unpack.unused_data
                unpack = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
    return total
