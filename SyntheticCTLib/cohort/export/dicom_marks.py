"""What every DICOM object of an export says about itself: whose it is (nobody's), that it is synthetic, its UIDs.

The objects are made from nothing, so there is no attribute of an original to remove; what is written is an allow-list.
There are no dates and times: what DICOM wants present stays empty.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ... import __version__
from ...errors import InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAKER = "SyntheticCT"
"""Manufacturer, and name of the program."""

MAX_NAME = 64 - len("SYNTHETIC-")
"""Characters in the name of a case: Patient ID is a LO, at most 64 characters (PS3.5, 6.2)."""

DERIVATION = (
    "Synthetic CT of a body that does not exist: one CT was morphed part of the way to another and resampled once. "
    "For research, not for diagnosis."
)

BODY_PARTS = {
    "abdomen": "ABDOMEN", "abdomen-pelvis": "ABDOMENPELVIS", "brain": "BRAIN", "chest": "CHEST",
    "chest-abdomen": "CHESTABDOMEN", "chest-abdomen-pelvis": "CHESTABDPELVIS", "head": "HEAD", "head-neck": "HEADNECK",
    "neck": "NECK", "pelvis": "PELVIS", "torso": "TRUNK", "whole-body": "WHOLEBODY",
}  # fmt: skip
"""Body Part Examined (PS3.16, annex L) by the region of the plan; other regions are left out. Paired parts are too, as
they would need a side."""

_UUID_VERSION = 5
"""Made from a name by hashing (RFC 9562)."""


@dataclass(frozen=True)
class Person:
    """One case as DICOM knows it.

    name: of the case. region: of the plan. secret: what the UIDs are made with, so that none but its holder can find
    out to which plan they belong; the plan's identity. content: hash of the case's voxels, so that other voxels never
    go under the same UIDs.
    """

    name: str
    region: str
    secret: str
    content: str

    def __post_init__(self) -> None:
        if len(self.name) > MAX_NAME:
            raise InputError(
                f"The case {self.name} has a name of {len(self.name)} characters; DICOM allows {MAX_NAME}. Export this "
                "cohort as msd, or plan with shorter names."
            )

    def uid(self, *what: str) -> str:
        """The UID of one thing of this case ("study", "series" and its number, ...); the same every time.

        It is the first 128 bits of HMAC-SHA-256 (key: the plan's identity, a SHA-256 that is known to the holder of the
        plan only; message: the case's name, its voxels' hash, `what`), written as a UUID under 2.25 (PS3.5, B.2).
        Nothing of an original goes in directly, so two cases of one source have nothing in common.
        """
        message = "\0".join(("SyntheticCT", self.name, self.content, *what)).encode("utf-8")
        digest = hmac.new(self.secret.encode("ascii"), message, hashlib.sha256).digest()
        return f"2.25.{uuid.UUID(bytes=digest[:16], version=_UUID_VERSION).int}"


def mark(dataset: Dataset, person: Person) -> None:
    """Write who the patient is and that the object is synthetic, for images and segmentations alike."""
    _mark_patient(dataset, person)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.StudyInstanceUID = person.uid("study")
    dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.StudyID = ""
    dataset.StudyDescription = "SYNTHETIC CT"
    dataset.FrameOfReferenceUID = person.uid("frame of reference")
    dataset.PositionReferenceIndicator = ""
    dataset.Manufacturer = MAKER
    dataset.ManufacturerModelName = f"{MAKER} cohort"
    dataset.SoftwareVersions = __version__
    dataset.SyntheticData = "YES"
    dataset.ContentQualification = "RESEARCH"
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    dataset.BurnedInAnnotation = "NO"
    dataset.RecognizableVisualFeatures = "YES" if _shows_face(person.region) else "NO"
    dataset.ContributingEquipmentSequence = [_equipment()]
    body_part = BODY_PARTS.get(person.region)
    if body_part:
        dataset.BodyPartExamined = body_part


def code_item(value: str, scheme: str, meaning: str) -> Dataset:
    """One item of a code sequence (PS3.3, 8)."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _mark_patient(dataset: Dataset, person: Person) -> None:
    dataset.PatientName = f"SYNTHETIC^{person.name}"
    dataset.PatientID = f"SYNTHETIC-{person.name}"
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Made anew; no attribute comes from an original"
    # Not 113101 or 113102: neither pixels nor faces were cleaned, they are another body's.
    dataset.DeidentificationMethodCodeSequence = [
        code_item("113100", "DCM", "Basic Application Confidentiality Profile")
    ]


def _equipment() -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [code_item("109100", "DCM", "Synthesizing Equipment")]
    item.Manufacturer = MAKER
    item.ManufacturerModelName = f"{MAKER} cohort"
    item.SoftwareVersions = __version__
    item.ContributionDescription = "Morphed one CT part of the way to another"
    return item


def _shows_face(region: str) -> bool:
    from ..planning.regions import shows_face

    return shows_face(region)
