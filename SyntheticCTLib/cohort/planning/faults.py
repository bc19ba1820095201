"""What is wrong with a plan that may have been edited: every fault, each in a phrase that says where it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .lesions import lender_faults, name_faults, number_faults
from .regions import expected_regions, plain_region, shows_face
from .settings import PERCENT_STEP, PlanSettings, setting_faults
from .subjects import SAFE_ID
from .values import is_hash, is_number, is_text, is_whole

PLAN_TITLE = "SyntheticCT cohort plan: names the sources, do not publish"

PLAN_VERSION = 1

MAX_SEED = 2**63 - 1
"""Seeds fit into 63 bits."""

_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
"""Name of an output; it becomes part of public file names."""

_DRAWN_NAME = re.compile(r"synthct_\d+", re.ASCII)
"""What outputs are called by the draw; subjects may be called so that are outputs of another cohort."""

_ENTRIES = ("plan", "version", "seed", "software", "settings", "label_names", "excluded_edges", "subjects")
_ENTRIES += ("held_out", "outputs")
_LISTS = ("label_names", "excluded_edges", "subjects", "held_out", "outputs")
_SUBJECT = ("id", "image", "region", "labels", "metadata", "metadata_sha256", "series", "content")
_LABEL = ("name", "file", "sha256")
_OUTPUT = ("name", "source", "target", "percent", "seed")
_LESIONS = ("lesions", "lesion_seed")
"""What an output has besides, if the settings hold `lesions`."""


def plan_faults(raw: Any) -> list[str]:
    """All faults of a plan as it was read from JSON; none if it can be used.

    Where an entry as a whole is of a wrong type, what depends on it is not looked at any further.
    """
    if not isinstance(raw, dict) or raw.get("plan") != PLAN_TITLE:
        return [f'it does not begin with {{"plan": "{PLAN_TITLE}", so it is no plan']
    if raw.get("version") != PLAN_VERSION:
        return [f"its version is {raw.get('version')!r}; this program knows {PLAN_VERSION} only"]
    faults = _shape_faults(raw)
    if faults:
        return faults
    faults = setting_faults(raw["settings"]) + _label_name_faults(raw["label_names"])
    lesions = raw["settings"].get("lesions")
    if lesions is not None and not faults:
        faults += name_faults(lesions, raw["label_names"])
    faults += [fault for name in ("subjects", "held_out") for fault in _subject_faults(name, raw[name])]
    if faults:  # outputs cannot be judged by subjects and settings that are wrong
        return faults + list(_output_shape_faults(raw["outputs"], bool(lesions)))
    faults += _id_faults([*raw["subjects"], *raw["held_out"]])
    if not raw["settings"]["allow_face"]:
        faults += _face_faults(raw["subjects"])
    if lesions:
        faults += lender_faults(lesions, {subject["id"] for subject in raw["subjects"]})
    faults += _edge_faults(raw)
    faults += _output_shape_faults(raw["outputs"], bool(lesions))
    return faults + _output_faults(raw, PlanSettings(**{**raw["settings"], "lesions": None}), lesions)


def _shape_faults(raw: Mapping[str, Any]) -> list[str]:
    faults = [f"there is no entry {name!r}" for name in _ENTRIES if name not in raw]
    faults += [f"the entry {name!r} is not known" for name in raw if name not in _ENTRIES]
    faults += [f"{name} is {_kind(raw[name])}; expected a list" for name in _LISTS if not _is(raw, name, list)]
    faults += [
        f"{name} is {_kind(raw[name])}; expected names with values"
        for name in ("settings", "software")
        if not _is(raw, name, dict)
    ]
    if isinstance(raw.get("software"), dict):
        faults += [
            f"software: {name!r} is {_kind(version)}; expected a text"
            for name, version in raw["software"].items()
            if not isinstance(version, str)
        ]
    if "seed" in raw and not is_whole(raw["seed"], 0, MAX_SEED):
        faults.append(f"seed is {raw['seed']!r}; expected a whole number from 0 up")
    return faults


def _is(raw: Mapping[str, Any], name: str, kind: type) -> bool:
    return name not in raw or isinstance(raw[name], kind)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _label_name_faults(names: Sequence[Any]) -> list[str]:
    faults = [f"label_names: {name!r} is no name" for name in names if not isinstance(name, str) or not name.strip()]
    counted = Counter(name for name in names if isinstance(name, str))
    return faults + [f"label_names: {name!r} stands there {n} times" for name, n in counted.items() if n > 1]


# --- subjects


def _subject_faults(group: str, entries: Sequence[Any]) -> Iterator[str]:
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            yield f"{group}: entry {number} is {_kind(entry)}; expected a subject"
            continue
        where = f"subject {entry.get('id', f'number {number} of {group}')!r}"
        yield from (f"{where}: {fault}" for fault in _entry_faults(entry, _SUBJECT, _SUBJECT_RULES))
        labels = entry.get("labels")
        for label in labels if isinstance(labels, list) else ():
            if not isinstance(label, dict):
                yield f"{where}: a label file is {_kind(label)}; expected name, file and sha256"
            else:
                yield from (f"{where}: label file: {fault}" for fault in _entry_faults(label, _LABEL, _LABEL_RULES))


def _entry_faults(entry: Mapping[str, Any], known: Sequence[str], rules: Mapping[str, tuple]) -> Iterator[str]:
    yield from (f"{name!r} is missing" for name in known if name not in entry)
    yield from (f"{name!r} is not known" for name in entry if name not in known)
    for name, (good, expected) in rules.items():
        if name in entry and not good(entry[name]):
            yield f"{name} is {entry[name]!r}; expected {expected}"


def _or_none(good):
    return lambda value: value is None or good(value)


_HASH = (is_hash, "the 64 hexadecimal digits that `synthetic-ct cohort plan` wrote; for other files, plan again")

_SUBJECT_RULES = {
    "id": (lambda value: isinstance(value, str) and bool(SAFE_ID.fullmatch(value)), "letters, digits, - _ and ."),
    "image": (is_text, "a path"),
    "region": (lambda value: isinstance(value, str) and plain_region(value) == value, expected_regions()),
    "labels": (lambda value: isinstance(value, list), "a list"),
    "metadata": (_or_none(is_text), "a path or null"),
    "metadata_sha256": (_or_none(is_hash), _HASH[1]),
    "series": (lambda value: value is None or is_text(value) or is_whole(value, 1), "a UID, a number or null"),
    "content": _HASH,
}

_LABEL_RULES = {"name": (_or_none(is_text), "a name or null"), "file": (is_text, "a path"), "sha256": _HASH}


def _id_faults(subjects: Sequence[Mapping[str, Any]]) -> list[str]:
    counted = Counter(subject["id"].lower() for subject in subjects)
    return [f"{n} subjects have the id {name!r}; each needs its own" for name, n in counted.items() if n > 1]


def _face_faults(subjects: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"subject {subject['id']!r} shows a face (region {subject['region']!r}) and allow_face is false"
        for subject in subjects
        if shows_face(subject["region"])
    ]


# --- edges and outputs


def _edge_faults(raw: Mapping[str, Any]) -> list[str]:
    ids = {subject["id"] for subject in (*raw["subjects"], *raw["held_out"])}
    faults = []
    for edge in raw["excluded_edges"]:
        if not _is_pair(edge):
            faults.append(f"excluded_edges: {edge!r} is no pair of subjects' ids")
        else:
            faults += [f"excluded_edges: there is no subject {end!r}" for end in edge if end not in ids]
    return faults


def _is_pair(edge: Any) -> bool:
    return isinstance(edge, list) and len(edge) == 2 and all(isinstance(end, str) for end in edge)


def _output_shape_faults(outputs: Sequence[Any], lesions: bool) -> Iterator[str]:
    """What is wrong with each output for itself. lesions: whether the settings hold any."""
    known = (*_OUTPUT, *_LESIONS) if lesions else _OUTPUT
    if not outputs:
        yield "there is no output"
    for number, output in enumerate(outputs, start=1):
        if not isinstance(output, dict):
            yield f"outputs: entry {number} is {_kind(output)}; expected an output"
            continue
        if tuple(output) == known and _is_sound(output, known):
            continue
        where = f"output {output.get('name', f'number {number}')!r}"
        yield from (f"{where}: {fault}" for fault in _entry_faults(output, known, _OUTPUT_RULES))


def _two_decimals(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 100 and Decimal(value) % PERCENT_STEP == 0


_OUTPUT_RULES = {
    "name": (
        lambda value: isinstance(value, str) and bool(_SAFE_NAME.fullmatch(value)),
        "up to 64 letters, digits, - and _",
    ),
    "source": (lambda value: isinstance(value, str), "a subject's id"),
    "target": (lambda value: isinstance(value, str), "a subject's id"),
    "percent": (_two_decimals, "a number from 0 to 100 with at most two decimals"),
    "seed": (lambda value: is_whole(value, 0, MAX_SEED), "a whole number from 0 up"),
    "lesions": (lambda value: is_whole(value, 0), "a whole number from 0 up"),
    "lesion_seed": (lambda value: is_whole(value, 0, MAX_SEED), "a whole number from 0 up"),
}


def _output_faults(raw: Mapping[str, Any], settings: PlanSettings, lesions: Mapping[str, Any] | None) -> list[str]:
    """What is wrong with the outputs in the light of subjects, settings (`lesions` among them) and each other."""
    regions = {subject["id"]: subject["region"] for subject in raw["subjects"]}
    held_out = {subject["id"] for subject in raw["held_out"]}
    excluded = {tuple(edge) for edge in raw["excluded_edges"] if _is_pair(edge)}
    private = _private_names((*raw["subjects"], *raw["held_out"]))
    low, high = (steps * PERCENT_STEP for steps in settings.percent_steps())
    names: Counter[str] = Counter()
    edges: Counter[tuple[str, str]] = Counter()
    faults: list[str] = []
    for output in raw["outputs"]:
        if not isinstance(output, dict) or not _is_sound(output, (*_OUTPUT, *(_LESIONS if lesions else ()))):
            continue  # told already
        name, edge = output["name"], (output["source"], output["target"])
        names[name.lower()] += 1
        edges[edge] += 1
        if name.lower() in private and not _DRAWN_NAME.fullmatch(name):
            faults.append(f"output {name!r}: a subject or its scan is called so, and names of outputs are published")
        faults += [f"output {name!r}: {fault}" for fault in _edge_fault(edge, regions, held_out, excluded)]
        if not low <= output["percent"] <= high:
            faults.append(f"output {name!r}: percent is {output['percent']}, outside {low}..{high} (t_min)")
        if lesions:
            faults += [f"output {name!r}: {fault}" for fault in number_faults(output, lesions)]
    faults += [f"{n} outputs have the name {name!r}; each needs its own" for name, n in names.items() if n > 1]
    return faults + _cap_faults(edges, settings)


def _private_names(subjects: Sequence[Mapping[str, Any]]) -> set[str]:
    """What subjects and their scans are called, in lower case."""
    names = {subject["id"] for subject in subjects}
    names |= {subject["image"].replace("\\", "/").rpartition("/")[2].partition(".")[0] for subject in subjects}
    return {name.lower() for name in names}


def _is_sound(output: Mapping[str, Any], names: Sequence[str]) -> bool:
    return all(name in output and _OUTPUT_RULES[name][0](output[name]) for name in names)


def _edge_fault(
    edge: tuple[str, str], regions: Mapping[str, str], held_out: set[str], excluded: set[tuple]
) -> Iterator[str]:
    source, target = edge
    for role, end in zip(("source", "target"), edge, strict=True):
        if end in held_out:
            yield f"its {role} {end!r} is held out"
        elif end not in regions:
            yield f"its {role} {end!r} is no subject"
    if source == target:
        yield f"source and target are the same subject {source!r}"
    elif source in regions and target in regions and regions[source] != regions[target]:
        yield f"it goes from the {regions[source]} {source!r} to the {regions[target]} {target!r}; regions must agree"
    if edge in excluded:
        yield f"its pair {source!r} to {target!r} is among excluded_edges"


def _cap_faults(edges: Counter[tuple[str, str]], settings: PlanSettings) -> list[str]:
    faults = []
    if settings.per_edge is not None:
        faults += [
            f"{n} outputs go from {source!r} to {target!r}, but per_edge is {settings.per_edge}"
            for (source, target), n in edges.items()
            if n > settings.per_edge
        ]
    if settings.per_source is not None:
        sources: Counter[str] = Counter()
        for (source, _), n in edges.items():
            sources[source] += n
        faults += [
            f"{n} outputs come from {source!r}, but per_source is {settings.per_source}"
            for source, n in sources.items()
            if n > settings.per_source
        ]
    return faults
