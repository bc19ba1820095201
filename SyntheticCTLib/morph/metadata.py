"""Two patients' records in, the record of the morph between them out.

The voxels of a morph are the source's at every t. So what the voxels show (sex, diagnosis, test results,
outcome, events, lesions) follows the source; what lies between two bodies (age, days since admission) is
interpolated; everything else is dropped, for it may tell who the patient was. The filter knows dates, UIDs,
addresses and number runs by their look; it cannot know a person's name written into a diagnosis.

Numbers come out as coarse as a clinician writes them. Every further digit of a value between two persons tells whoever
has a list of patients which pairs it can lie between; an age of 52.371943 fits one pair only. What can be worked out
from the records themselves needs no digits here: the private record names their files.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..errors import InputError

INTERPOLATED = frozenset(
    "age age_years age_in_years patient_age years age_at_scan days_since_admission days_after_admission "
    "days_from_admission days_since_admittance day_since_admission days_in_hospital days_since_symptom_onset "
    "days_since_onset days_since_symptoms".split()
)
"""Keys whose value lies between the two ends, in the spelling of `plain_key`."""

FOLLOWING = frozenset(
    "sex gender patient_sex diagnosis diagnoses disease pathology finding findings pcr pcr_result pcr_test "
    "rt_pcr rt_pcr_result test_result test_results test tests result lab_results covid covid_19 covid_status "
    "outcome outcome_class clinical_outcome event events clinical_event clinical_events lesion lesions "
    "lesion_type lesion_count tumor tumour severity stage contrast contrast_phase".split()
)
"""Keys whose value is the source's."""

IDENTIFYING_WORDS = frozenset(
    "name id identifier identifiers uid uuid date dates time timestamp birth birthday born dob mrn accession "
    "address phone email mail hospital institution physician doctor operator station zip postcode ssn "
    "insurance path file url comment comments note notes".split()
)
"""A key with one of these words is never copied, whatever a configuration says."""

MAX_TEXT_LENGTH = 60
"""Longer text is prose, which may tell anything."""

MAX_LIST_LENGTH = 100
"""A longer list is data of some other kind than findings or events."""

MAX_DIGITS_IN_A_ROW = 4
"""A longer run of digits in a text is an identifier or a date; a longer whole number too."""

LARGEST_NUMBER = 10**MAX_DIGITS_IN_A_ROW - 1

DIGITS = 3
"""Significant digits of a number that is neither an age nor a number of days."""

SMALL_CHILD = 3
"""Years; younger ages come in tenths of a year, about a month, all others in whole years."""

_TIME_WORDS = frozenset("age ages day days year years".split())
"""A key with one of these words, or one of `INTERPOLATED`, is an age or a number of days."""

MAX_DEPTH = 3
"""Objects within objects deeper than this are dropped."""

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATES = (
    re.compile(r"\b\d{1,4}\s*[-/.]\s*\d{1,2}\s*[-/.]\s*\d{1,4}\b"),
    re.compile(r"\b(?:19|20)\d{2}\s*[-/.]\s*\d{1,2}\b"),
    re.compile(r"\b\d{1,2}\s*[-/.]\s*(?:19|20)\d{2}\b"),
    re.compile(rf"\b\d{{1,2}}(?:st|nd|rd|th)?[\s.,-]*{_MONTH}\b", re.IGNORECASE),
    re.compile(rf"\b{_MONTH}[\s.,-]*\d{{1,4}}\b", re.IGNORECASE),
    re.compile(r"\b(?:19|20)\d{2}\b"),
    re.compile(r"\b\d{1,2}:\d{2}\b"),
    re.compile(r"\b(?:0?[1-9]|[12]\d|3[01])\.\s*(?:0?[1-9]|1[0-2])\."),  # 12.03.
    re.compile(r"\b(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])\b"),  # 12.03
    re.compile(r"\b(?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|[12]\d|3[01])\b"),  # 3/24
)
_IDENTIFIERS = (
    re.compile(rf"\d{{{MAX_DIGITS_IN_A_ROW + 1},}}"),
    re.compile(r"\d+(?:\.\d+){3,}"),
    re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE),
    re.compile(r"\S@\S"),
    re.compile(r"[\\/]\w*[\\/]|https?:"),
    re.compile(r"\^"),
    re.compile(r"\b[A-Za-z]{1,5}[-_#]?\d{3,}\b"),
    re.compile(r"\b(?:dr|mr|mrs|ms|prof)\b", re.IGNORECASE),
)
_DICOM_AGE = re.compile(r"^\s*(\d{1,3})\s*([YMWD])\s*$", re.IGNORECASE)
_YEARS_PER_UNIT = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass(frozen=True)
class MetadataRules:
    """Which keys are interpolated and which follow the source; all others are dropped.

    Keys are compared in the spelling of `plain_key`: "Age (years)", "ageYears" and "age_years" are one.
    """

    interpolate: frozenset[str] = field(default=INTERPOLATED)
    follow_source: frozenset[str] = field(default=FOLLOWING)

    def extended(self, interpolate=(), follow_source=()) -> MetadataRules:
        """These rules with more keys; a key named here moves to the class it is named for."""
        more, copied = {plain_key(k) for k in interpolate}, {plain_key(k) for k in follow_source}
        return replace(
            self,
            interpolate=frozenset((self.interpolate - copied) | more),
            follow_source=frozenset((self.follow_source - more) | copied),
        )


def plain_key(key: str) -> str:
    """A key in lower case with single underscores between its words: "daysSinceAdmission (d)" -> "..._d"."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", str(key))
    return re.sub(r"[\W_]+", "_", words.lower()).strip("_")


def read_record(path) -> dict[str, Any]:
    """Read one patient's record, a JSON object. Raises InputError if there is none."""
    return _read_object(path, "a metadata record")


def load_rules(path) -> MetadataRules:
    """Read more keys from a JSON file: {"interpolate": ["bmi"], "follow_source": ["smoker"]}.

    They join the built-in ones. Raises InputError for anything else in the file, for a key in both lists and
    for keys that name identities or dates.
    """
    found = _read_object(path, "metadata rules")
    unknown = sorted(set(found) - {"interpolate", "follow_source"})
    if unknown:
        raise InputError(
            f"The metadata rules {path} have an entry {unknown[0]!r}, but only 'interpolate' and "
            "'follow_source' are known; remove or rename it."
        )
    lists = {name: _key_list(path, name, found.get(name, [])) for name in ("interpolate", "follow_source")}
    both = sorted(
        {plain_key(k) for k in lists["interpolate"]} & {plain_key(k) for k in lists["follow_source"]}
    )
    if both:
        raise InputError(
            f"The metadata rules {path} name {both[0]!r} under 'interpolate' and under 'follow_source'; "
            "keep one of the two."
        )
    return MetadataRules().extended(**lists)


def interpolate_metadata(
    source: Mapping[str, Any], target: Mapping[str, Any], t: float, rules: MetadataRules | None = None
) -> tuple[dict[str, Any], list[str]]:
    """The record of a morph that has gone the share t (0..1) of the way from source to target.

    Interpolated values lie between the ends and are rounded, at t = 0 and t = 1 too: ages and days to whole
    numbers (ages under `SMALL_CHILD` years to tenths, unless both ends are whole), all else to `DIGITS`
    significant digits and no more decimals than the ends have; whole numbers stay whole. A DICOM age ("063Y",
    also M, W, D) counts as a number: if both ends have the same unit, so has the result, else the result is a
    number of years. Text that is a plain number ("63") counts too. A value missing or not a number on either
    side is dropped with a note. Followed values are copied if they are numbers (to `DIGITS` digits), truth
    values, short text, or lists or objects of these; dates, UIDs, addresses and long numbers are left out,
    and the text of an event loses its date.

    Returns the record, with the source's spelling of the keys, and notes that name keys but never values.
    Raises InputError if t is not within 0..1.
    """
    rules = rules or MetadataRules()
    if not (isinstance(t, (int, float)) and 0 <= t <= 1):
        raise InputError(f"The way between two records must be a number from 0 to 1, but t is {t!r}.")
    record: dict[str, Any] = {}
    notes: list[str] = []
    others = {plain_key(key): value for key, value in target.items()}
    dropped = 0
    for key, value in source.items():
        plain = plain_key(key)
        if plain in rules.interpolate and not _names_identity(plain):
            between = _between(plain, value, others.get(plain), float(t))
            if between is None:
                notes.append(f"'{plain}' was dropped: both records must have a number there.")
            else:
                record[str(key)] = between
        elif plain in rules.follow_source and not _names_identity(plain):
            kept, lost = _harmless(_undated(value) if plain in _EVENTS else value, rules, MAX_DEPTH)
            if kept is not None:
                record[str(key)] = kept
            if lost:
                notes.append(
                    f"'{plain}' follows the source without {lost} part(s) that may tell who or when."
                )
        else:
            dropped += 1
    for plain in sorted(set(others) - {plain_key(key) for key in source}):
        if plain in rules.interpolate and not _names_identity(plain):
            notes.append(f"'{plain}' was dropped: both records must have a number there.")
    if dropped:
        notes.append(f"{dropped} other entries of the source's record were dropped.")
    return record, notes


def _between(plain: str, first, second, t: float):
    """The value t of the way, in the kind of the ends, rounded; None unless both are numbers. plain: its key."""
    if isinstance(first, str) and isinstance(second, str):
        ages = _DICOM_AGE.match(first), _DICOM_AGE.match(second)
        if all(ages) and ages[0][2].upper() == ages[1][2].upper():
            return f"{round(_mix(int(ages[0][1]), int(ages[1][1]), t)):03d}{ages[0][2].upper()}"
    start, end = _number(first), _number(second)
    if start is None or end is None:
        return None
    value, whole = _mix(start, end, t), isinstance(start, int) and isinstance(end, int)
    if plain in INTERPOLATED or _TIME_WORDS & set(plain.split("_")):
        in_tenths = not whole and abs(value) < SMALL_CHILD and not _counts_days(plain)
        return round(value, 1) if in_tenths else round(value)
    rounded = _shortened(round(value, 0 if whole else max(_decimals(start), _decimals(end))))
    return int(rounded) if whole else rounded


def _mix(start, end, t: float) -> float:
    return min(max(start + t * (end - start), min(start, end)), max(start, end))


def _counts_days(plain: str) -> bool:
    return not {"day", "days"}.isdisjoint(plain.split("_"))


def _shortened(value: float) -> float:
    """The number with `DIGITS` significant digits."""
    return round(value, DIGITS - 1 - math.floor(math.log10(abs(value)))) if value else value


def _decimals(value: int | float) -> int:
    """Digits behind the point of a number as it is written."""
    return max(0, -Decimal(repr(value)).normalize().as_tuple().exponent)


def _number(value) -> int | float | None:
    """A finite number of numbers, plain number texts and DICOM ages (in years); None of all else."""
    if isinstance(value, str):
        age = _DICOM_AGE.match(value)
        if age:
            years = int(age[1]) * _YEARS_PER_UNIT[age[2].upper()]
            return int(years) if age[2].upper() == "Y" else years
        try:
            value = int(value) if re.fullmatch(r"\s*[+-]?\d+\s*", value) else float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) <= LARGEST_NUMBER else None  # neither is NaN, nor an infinity


def _harmless(value, rules: MetadataRules, depth: int) -> tuple[Any, int]:
    """The value without what may identify, or None, and how many parts were left out."""
    if isinstance(value, bool):
        return value, 0
    if isinstance(value, (int, float)):
        kept = abs(value) <= LARGEST_NUMBER and not _looks_like_a_year(value)
        return (_shortened(value), 0) if kept else (None, 1)
    if isinstance(value, str):
        return (value.strip(), 0) if _is_harmless_text(value) else (None, 1)
    if isinstance(value, (list, tuple)) and depth > 0 and len(value) <= MAX_LIST_LENGTH:
        return _filtered_list(value, rules, depth)
    if isinstance(value, Mapping) and depth > 0:
        return _filtered_object(value, rules, depth)
    return (None, 0) if value is None else (None, 1)


def _filtered_list(value, rules, depth):
    parts = [_harmless(part, rules, depth - 1) for part in value]
    return [kept for kept, _ in parts if kept is not None], sum(lost for _, lost in parts)


def _filtered_object(value, rules, depth):
    """Within a followed object a key is kept if it has a class of its own or plainly describes."""
    kept_all, lost_all = {}, 0
    for key, part in value.items():
        plain = plain_key(key)
        allowed = plain in rules.follow_source or plain in rules.interpolate or plain in _DESCRIBING
        if not allowed or _names_identity(plain):
            lost_all += 1
            continue
        kept, lost = _harmless(part, rules, depth - 1)
        lost_all += lost
        if kept is not None:
            kept_all[str(key)] = kept
    return kept_all or None, lost_all


_DESCRIBING = frozenset(
    "type kind class label value grade organ side count size_mm day days positive unit".split()
)
"""Keys that may stand within a followed object, such as {"type": "intubation", "day": 3}."""


_EVENTS = frozenset("event events clinical_event clinical_events".split())
"""Followed keys whose text may begin or end with a date that is cut off rather than the text dropped."""


def _undated(value):
    """Texts, also within lists and objects, without the dates in them and the words that led to the dates."""
    if isinstance(value, str):
        for pattern in _DATES:
            value = pattern.sub(" ", value)
        value = re.sub(r"\s+", " ", value).strip(" ,;:()[]-/.")
        return re.sub(r"\s+(?:on|at|in|from|since|until|of)$", "", value)
    if isinstance(value, list):
        return [_undated(part) for part in value]
    if isinstance(value, Mapping):
        return {key: _undated(part) for key, part in value.items()}
    return value


def _names_identity(plain: str) -> bool:
    return bool(IDENTIFYING_WORDS & set(plain.split("_")))


def _looks_like_a_year(value) -> bool:
    return float(value).is_integer() and 1900 <= value <= 2099


def _is_harmless_text(text: str) -> bool:
    if not text.strip() or len(text) > MAX_TEXT_LENGTH or not text.isprintable():
        return False
    return not any(pattern.search(text) for pattern in (*_DATES, *_IDENTIFIERS))


def _read_object(path, what: str) -> dict[str, Any]:
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}; give {what} in JSON.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8, so it cannot be {what} in JSON.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read as {what}: {error.strerror}.") from error
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path} is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}; correct it."
        ) from error
    except RecursionError as error:
        raise InputError(f"{path} nests JSON too deeply to be {what}.") from error
    if not isinstance(found, dict):
        raise InputError(
            f"{path} holds a JSON {_json_kind(found)}, but {what} must be one JSON object: keys with "
            "values in curly brackets."
        )
    return found


def _json_kind(value) -> str:
    return {list: "list", str: "text", bool: "truth value", type(None): "null"}.get(type(value), "number")


def _key_list(path, name: str, value) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(key, str) and plain_key(key) for key in value):
        raise InputError(
            f"In the metadata rules {path}, '{name}' must be a list of keys, such as [\"bmi\"]; correct it."
        )
    named = [key for key in value if _names_identity(plain_key(key))]
    if named:
        raise InputError(
            f"The metadata rules {path} ask to keep {named[0]!r}, which names an identity, a date or free "
            "text; such entries are never published. Remove it from the list."
        )
    return value
