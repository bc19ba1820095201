"""The two records that go with a morph: a public one for the data set, a private one for its makers.

The private record holds all that is needed to make the morph again: names and content hashes of the inputs,
seed, versions, parameters, the quality report. Publishing it, or a list of pairs and seeds, would undo the
anonymity of the data, so the public record is built from an allow-list and knows none of it. Neither holds a
clock time: the same work gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ..jobs.records import RECORD_VERSION, file_hash, opaque_id, plain, software_versions, to_text

__all__ = ["ROUNDED_TO", "file_hash", "private_record", "public_record", "to_text"]

ROUNDED_TO = 5
"""The public record tells the percentage to this step only; the exact one helps to undo the morph."""

_PUBLIC_REGISTRATION = ("backend", "versions")
"""What the public record repeats of the path's method; parameters may hold the seed."""


def private_record(
    *,
    percent: Decimal,
    inputs: Mapping[str, Any],
    parameters: Mapping[str, Any],
    method: Mapping[str, Any],
    report: Mapping[str, Any],
    metadata: Mapping[str, Any],
    labels: Mapping[str, Mapping[int, str]],
    software: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Everything about one morph, as JSON values; not for publication.

    Args:
        percent: how far the morph goes, 0..100.
        inputs: names and content hashes of the files.
        parameters: what the user asked for (grid, seed, backend ...).
        method: `MorphPath.method`.
        report: `QualityReport.to_dict()`, with a "verdict".
        metadata: the morph's interpolated metadata.
        labels: names of the labels in each layer.
        software: versions by package; those of this process unless given.
    """
    record = {
        "record": "SyntheticCT private provenance: names the sources, do not publish",
        "version": RECORD_VERSION,
        "percent": float(percent),
        "inputs": inputs,
        "parameters": parameters,
        "method": method,
        "software": software if software is not None else software_versions(),
        "labels": labels,
        "metadata": metadata,
        "report": report,
    }
    record = plain(record)
    return {**record, "id": opaque_id(record)}


def about_percent(percent: Decimal | float) -> int:
    """The percentage as it may be told in public."""
    step = Decimal(ROUNDED_TO)
    return int((Decimal(str(percent)) / step).to_integral_value(ROUND_HALF_UP) * step)


def public_record(private: Mapping[str, Any]) -> dict[str, Any]:
    """What may go with the published image, taken from its private record.

    The id is opaque: it is found again in the private record, and tells nothing without it.
    """
    return {
        "record": "SyntheticCT public record",
        "version": RECORD_VERSION,
        "synthetic": True,
        "id": private["id"],
        "percent_about": about_percent(private["percent"]),
        "grid": private["parameters"].get("grid"),
        "verdict": private["report"]["verdict"],
        "method": {
            "name": "one CT morphed part of the way to another; this body does not exist",
            "registration": {
                name: private["method"][name] for name in _PUBLIC_REGISTRATION if name in private["method"]
            },
            "software": private["software"],
        },
        "labels": private["labels"],
        "metadata": private["metadata"],
    }
