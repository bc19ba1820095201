"""What a label's name means in SNOMED CT, for DICOM segmentations; unknown names become just "tissue".

A name is taken apart into words; a side among them becomes a modifier, a word for a disease makes the segment a lesion
in the organ that the other words name. Only names that are known as a whole get an organ's code: the atrium of a heart
is not the heart.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Code(NamedTuple):
    """A code of SNOMED CT (coding scheme SCT) and what it means in words."""

    value: str
    meaning: str


class SegmentCodes(NamedTuple):
    """category, type: as in CID 7150 and CID 7151 of PS3.16. side: CID 244, where the name tells one. region: the organ
    a lesion lies in, where the name tells it."""

    category: Code
    type: Code
    side: Code | None = None
    region: Code | None = None


ANATOMY = Code("91723000", "Anatomical Structure")
ALTERED = Code("49755003", "Morphologically Abnormal Structure")
TISSUE = Code("85756007", "Tissue")

_SIDES = {"left": Code("7771000", "Left"), "right": Code("24028007", "Right")}
_SIDES |= {"l": _SIDES["left"], "r": _SIDES["right"]}

_FILLERS = frozenset("the of and in label labels mask segment segmentation auto manual ct".split())
"""Words that say nothing about what a label shows."""

ORGANS = {
    "adrenal gland": Code("23451007", "Adrenal gland"),
    "aorta": Code("15825003", "Aorta"),
    "bladder": Code("89837001", "Bladder"),
    "bone": Code("272673000", "Bone"),
    "brain": Code("12738006", "Brain"),
    "bronchus": Code("955009", "Bronchus"),
    "clavicle": Code("51299004", "Clavicle"),
    "colon": Code("71854001", "Colon"),
    "duodenum": Code("38848004", "Duodenum"),
    "esophagus": Code("32849002", "Esophagus"),
    "fat": Code("55603005", "Fat"),
    "femur": Code("71341001", "Femur"),
    "gallbladder": Code("28231008", "Gallbladder"),
    "heart": Code("80891009", "Heart"),
    "humerus": Code("85050009", "Humerus"),
    "inferior vena cava": Code("64131007", "Inferior vena cava"),
    "kidney": Code("64033007", "Kidney"),
    "liver": Code("10200004", "Liver"),
    "lower lobe lung": Code("90572001", "Lower lobe of lung"),
    "lung": Code("39607008", "Lung"),
    "middle lobe lung": Code("72481006", "Middle lobe of right lung"),
    "muscle": Code("71616004", "Muscle"),
    "pancreas": Code("15776009", "Pancreas"),
    "portal vein": Code("32764006", "Portal vein"),
    "prostate": Code("41216001", "Prostate"),
    "pulmonary artery": Code("81040000", "Pulmonary artery"),
    "rectum": Code("34402009", "Rectum"),
    "rib": Code("113197003", "Rib"),
    "scapula": Code("79601000", "Scapula"),
    "skin": Code("39937001", "Skin"),
    "small intestine": Code("30315005", "Small intestine"),
    "spinal cord": Code("2748008", "Spinal cord"),
    "spine": Code("421060004", "Spine"),
    "spleen": Code("78961009", "Spleen"),
    "sternum": Code("56873002", "Sternum"),
    "stomach": Code("69695003", "Stomach"),
    "superior vena cava": Code("48345005", "Superior vena cava"),
    "trachea": Code("44567001", "Trachea"),
    "upper lobe lung": Code("45653009", "Upper lobe of lung"),
    "uterus": Code("35039007", "Uterus"),
    "vertebra": Code("51282000", "Vertebra"),
}

LESIONS = {
    "abscess": Code("44132006", "Abscess"),
    "cancer": Code("108369006", "Neoplasm"),
    "carcinoma": Code("108369006", "Neoplasm"),
    "cyst": Code("367643001", "Cyst"),
    "edema": Code("79654002", "Edema"),
    "lesion": Code("52988006", "Lesion"),
    "mass": Code("4147007", "Mass"),
    "metastasis": Code("14799000", "Neoplasm, Secondary"),
    "necrosis": Code("6574001", "Necrosis"),
    "nodule": Code("27925004", "Nodule"),
    "thrombus": Code("396339007", "Thrombus"),
    "tumor": Code("108369006", "Neoplasm"),
}

_SAME = {
    "bladders": "bladder", "bronchi": "bronchus", "metastases": "metastasis", "oesophagus": "esophagus",
    "tumour": "tumor", "tumours": "tumor", "vertebrae": "vertebra", "hepatic": "liver", "renal": "kidney",
    "pulmonary": "lung", "splenic": "spleen", "pancreatic": "pancreas",
}  # fmt: skip
"""Other words for the same; the adjectives only where the name as it stands is not known."""

_WORD = re.compile(r"[^\W\d_]+")
_LEVEL = re.compile(r"\b[ctls]\d{1,2}\b", re.IGNORECASE)


def segment_codes(name: str) -> SegmentCodes:
    """The codes for a label of this name."""
    plain = _LEVEL.sub(" ", name.replace("_", " ").lower())  # a vertebra's level; the label keeps it
    words = [word for word in _WORD.findall(plain) if word not in _FILLERS]
    sides = [_SIDES[word] for word in words if word in _SIDES]
    side = sides[0] if len(sides) == 1 else None
    others = [word for word in words if word not in _SIDES]
    lesions = [word for word in others if _find(LESIONS, [word])]
    if lesions:
        organ = _find(ORGANS, [word for word in others if word not in lesions])
        return SegmentCodes(ALTERED, _find(LESIONS, lesions[:1]), side, organ)
    organ = _find(ORGANS, others)
    return SegmentCodes(ANATOMY, organ, side) if organ else SegmentCodes(TISSUE, TISSUE, side)


def _find(table: dict[str, Code], words: list[str]) -> Code | None:
    """The entry with these words, in any order; plurals and other words for the same are tried after them."""
    singular = [_singular(word) for word in words]
    same = [_SAME.get(word) or _SAME.get(one, one) for word, one in zip(words, singular, strict=True)]
    for tried in (words, singular, same):
        for name, code in table.items():
            if tried and sorted(name.split()) == sorted(tried):
                return code
    return None


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
