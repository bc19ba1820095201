"""The record that comes with a phantom patient, with the fields of the COVID-19 challenge of the method."""

from __future__ import annotations

from .patient import Patient

EVENTS = ("oxygen therapy", "non-invasive ventilation", "intensive care", "dialysis", "antiviral treatment")
OUTCOMES = ("discharged", "still in hospital", "died")


def draw_record(seed: int, patient: Patient, lesion_names: list[str], rng) -> dict:
    """Draw age, sex, days since admission, PCR result, outcome and clinical events."""
    happened = sorted(rng.choice(len(EVENTS), size=int(rng.integers(0, 4)), replace=False).tolist())
    return {
        "phantom_id": f"phantom-{seed}",
        "age": patient.age,
        "sex": patient.sex,
        "days_since_admission": int(rng.integers(0, 28)),
        "pcr_result": str(rng.choice(["positive", "negative"], p=[0.7, 0.3])),
        "outcome": str(rng.choice(OUTCOMES, p=[0.72, 0.18, 0.10])),
        "events": [EVENTS[number] for number in happened],
        "lesions": lesion_names,
    }
