"""Reads the JSON lines that a child writes, without ever waiting for them."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import Protocol

from .events import Event

_CHUNK = 1 << 16
"""Bytes per read: what a pipe holds."""


class ByteSource(Protocol):
    """Gives the bytes that have arrived, empty when none have."""

    def read(self) -> bytes: ...


class NonBlockingSource:
    """Reads a pipe that answers at once; no thread, which Slicer would starve of Python's lock."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor

    def read(self) -> bytes:
        data = b""
        while True:
            try:
                chunk = os.read(self._descriptor, _CHUNK)
            except BlockingIOError:
                return data
            if not chunk:
                return data
            data += chunk


class ThreadedSource:
    """For Windows with Python before 3.12, whose pipes cannot be told to answer at once."""

    def __init__(self, descriptor: int) -> None:
        self._chunks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._descriptor = descriptor
        threading.Thread(target=self._fill, daemon=True).start()

    def _fill(self) -> None:
        while chunk := os.read(self._descriptor, _CHUNK):
            self._chunks.put(chunk)

    def read(self) -> bytes:
        data = b""
        while not self._chunks.empty():
            data += self._chunks.get()
        return data


def open_source(descriptor: int, system: str = sys.platform) -> ByteSource:
    """The source that suits this system."""
    if system == "win32" and sys.version_info < (3, 12):
        return ThreadedSource(descriptor)
    return NonBlockingSource(descriptor)


class EventReader:
    """Cuts bytes into lines and lines into events.

    A line that is no event (something printed before the child set its standard output aside) is passed over.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._rest = b""

    def read(self) -> list[Event]:
        """The events that have arrived since the last call."""
        *lines, self._rest = (self._rest + self._source.read()).split(b"\n")
        return [event for line in lines if (event := _parse(line)) is not None]


def _parse(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
