"""A job "lesion.paint" that paints in an instant, for tests where the real one would need a trained model."""

from __future__ import annotations

from pathlib import Path

from fake_rooms import make_library

FAKE_JOBS = '''
import json, time
from pathlib import Path
import SimpleITK as sitk
from ..errors import InputError
from ..jobs import job_kind


@job_kind("lesion.paint")
def paint_job(parameters, context):
    """+77 HU and the seed within the mask; the model "slow" takes its time, "broken" cannot be loaded."""
    if parameters["model"] == "broken":
        raise InputError("There is no model 'broken'; choose another.")
    output = Path(parameters["output"])
    with context.staging(output.parent, parameters["overwrite"]) as folder:
        context.report("loading the model")
        for _ in range(600 if parameters["model"] == "slow" else 0):
            time.sleep(0.1)
            context.report("painting", 0.5)
        image = sitk.ReadImage(parameters["image"])
        mask = sitk.Cast(sitk.ReadImage(parameters["mask"]["file"]) != 0, sitk.sitkInt16)
        painted = image + mask * (77 + (parameters["seed"] or 0))
        sitk.WriteImage(painted, str(folder / output.name))
        record = {"id": "%012x" % (0xFA7E0000 + (parameters["seed"] or 0)), "synthetic": True}
        (folder / "painted.json").write_text(json.dumps(record))
    lesions = [{"label": 1, "diameter_mm": 15.0, "volume_ml": 1.8}]
    return {"files": [output.name], "lesions": lesions, "warnings": ["This is a fake."]}
'''


def use_fake_painting(monkeypatch, folder: Path) -> None:
    """Let the children of this process paint with `FAKE_JOBS`."""
    library = make_library(folder / "fake", lesion=FAKE_JOBS)
    monkeypatch.setattr("SyntheticCTLib.jobs.child._LIBRARY", library)
