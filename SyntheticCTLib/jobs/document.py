"""The job document: what to do, as plain JSON that panel, command line and cluster worker all understand."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError

DOCUMENT_VERSION = 1
"""Version of the document's layout; a reader refuses a version it does not know."""

_KIND = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
"""A kind is "room.name", both plain identifiers: the room is imported, so nothing else may get through."""


@dataclass(frozen=True)
class JobDocument:
    """One job.

    Args:
        kind: "room.name", for example "morph.register".
        parameters: everything the job needs, as JSON values; file paths are absolute.
        id: distinguishes jobs of one session; random unless given. It never reaches an output.
        version: version of this layout.

    Raises:
        InputError: a field is malformed or the version is unknown.
    """

    kind: str
    parameters: dict[str, Any]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    version: int = DOCUMENT_VERSION

    def __post_init__(self) -> None:
        if self.version != DOCUMENT_VERSION:
            raise InputError(
                f"The job document has version {self.version!r}; expected {DOCUMENT_VERSION}. Update it."
            )
        if not isinstance(self.kind, str) or not _KIND.fullmatch(self.kind):
            raise InputError(
                f"The job's kind is {self.kind!r}; expected 'room.name', such as 'morph.register'."
            )
        if not isinstance(self.parameters, dict):
            raise InputError(
                f"The job's parameters are a {type(self.parameters).__name__}; expected names with values."
            )

    def to_json(self) -> str:
        """Return the document as one line of JSON.

        Raises:
            InputError: a parameter is not a JSON value.
        """
        try:
            return json.dumps(
                {"kind": self.kind, "version": self.version, "id": self.id, "parameters": self.parameters},
                allow_nan=False,
            )
        except (TypeError, ValueError) as error:
            raise InputError(
                f"The parameters of job {self.kind} cannot be written as JSON: {error}."
            ) from error

    @classmethod
    def from_json(cls, text: str) -> JobDocument:
        """Read a document.

        Raises:
            InputError: the text is not JSON, or has unknown or missing fields.
        """
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise InputError(f"The job document is not JSON: {error}.") from error
        expected = {"kind", "version", "id", "parameters"}
        if not isinstance(fields, dict) or set(fields) != expected:
            found = sorted(fields) if isinstance(fields, dict) else type(fields).__name__
            raise InputError(f"The job document has {found}; expected exactly {sorted(expected)}.")
        return cls(**fields)
