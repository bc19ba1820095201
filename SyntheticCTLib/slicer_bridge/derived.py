"""Volumes with a painted lesion: they have the body of the scan they were painted from, so its paths are theirs too.

A path is bound to geometry and voxels of its two scans (`morph.path.Bound`). A painted volume remembers to what image
its body belongs and what its own voxels were when it was painted. As long as nobody changes them, whatever is bound to
that image fits the painted one.
"""

from __future__ import annotations

import json
from typing import Any

from ..morph.path import Bound
from ..morph.path_file import bound_from_record, bound_record

BODY = "SyntheticCT.body"
"""Attribute of painted volumes, JSON: "of", the image whose body it is, and "content", the hash of its own voxels."""

PAINTED_FROM = "SyntheticCT.paintedFrom"
"""Role of the volume node that a volume was painted from."""


def mark_painted(volume, own: Bound, before, before_body: Bound) -> None:
    """Remember what a volume was painted from.

    own: what `volume` is. before: the volume node it was painted from. before_body: what that one's body is
    (`body_of`), so that a second lesion does not lose the paths of the scan that the first was painted into.
    """
    volume.SetAttribute(BODY, json.dumps({"of": bound_record(before_body), "content": own.content}, sort_keys=True))
    volume.SetNodeReferenceID(PAINTED_FROM, before.GetID())


def body_of(volume, own: Bound) -> Bound:
    """To what image the body of a volume node belongs: the scan it was painted from, else the volume itself.

    own: what the volume is now; one that was changed or moved since it was painted is a body of its own.
    """
    marked = _marked(volume)
    if marked is None:
        return own
    body, content = marked
    unchanged = content == own.content and body.geometry.same_as(own.geometry)
    return body if unchanged else own


def claims_body(volume, bound: Bound) -> bool:
    """Whether a volume node was painted from the image of a bound; whether it is still so, `body_of` tells."""
    marked = _marked(volume)
    return marked is not None and marked[0].content == bound.content and marked[0].geometry.same_as(bound.geometry)


def painted_from(scene, volume) -> list[Any]:
    """The volume nodes that were painted from a volume node, oldest first."""
    kind = "vtkMRMLScalarVolumeNode"
    nodes = [scene.GetNthNodeByClass(number, kind) for number in range(scene.GetNumberOfNodesByClass(kind))]
    return [node for node in nodes if node.GetNodeReferenceID(PAINTED_FROM) == volume.GetID()]


def _marked(volume) -> tuple[Bound, str] | None:
    try:
        record = json.loads(volume.GetAttribute(BODY) or "null")
        return None if record is None else (bound_from_record(record["of"]), str(record["content"]))
    except (KeyError, TypeError, ValueError):  # edited by hand; then it is a volume like any other
        return None
