"""The Slicer module in which real and synthetic CTs are read blinded: a shell over `SyntheticCTLib.panel.review`."""

import os
import sys

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

try:
    import SyntheticCTLib  # noqa: F401
except ModuleNotFoundError:
    # In a source checkout the library lies beside this folder; an installed extension has it beside this file.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from SyntheticCTLib.panel.review import ReviewPanel

#
# SyntheticCTReview
#


class SyntheticCTReview(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("SyntheticCT Review")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Image Synthesis")]
        parent.dependencies = []
        parent.contributors = ["SyntheticCT developers"]
        parent.helpText = _(
            "Real or not? Shows the scans of a reading study one by one, or two side by side, without telling which "
            "are synthetic, and keeps the reader's answers in the study folder. Studies are planned and evaluated with "
            "the command synthetic-ct review. For research only."
        )
        parent.acknowledgementText = ""


#
# SyntheticCTReviewWidget
#


class SyntheticCTReviewWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Connects the panel to the life of module and scene."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None

    def setup(self):
        """Build the panel; needs neither a main window nor a layout manager."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/SyntheticCTReview.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = SyntheticCTReviewLogic()
        self.panel = ReviewPanel(self.ui, self.logic.openReading)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        slicer.app.connect("aboutToQuit()", self.panel.end)

    def cleanup(self):
        """The module is unloaded."""
        self.removeObservers()
        if self.panel is not None:
            slicer.app.disconnect("aboutToQuit()", self.panel.end)
            self.panel.end()

    def enter(self):
        """The module is shown."""
        self.panel.enter()

    def exit(self):
        """Another module is shown; the case is out of its reach."""
        self.panel.leave()

    def onSceneStartClose(self, caller, event):
        """The case goes with the scene; what was said about it stays."""
        self.panel.close_scene()

    def onSceneEndClose(self, caller, event):
        """The case comes back."""
        self.panel.scene_closed()


#
# SyntheticCTReviewLogic
#


class SyntheticCTReviewLogic(ScriptedLoadableModuleLogic):
    """The module without its panel: for Slicer's console and for scripts.

    Example:
        >>> reading = SyntheticCTReviewLogic().openReading(folder, "Reader 1", spareFolder)
        >>> reading.show(reading.reading.first_open())
    """

    def openReading(self, folder, readerCode, spareFolder):
        """Open a study folder for a reader; see `ReviewSession.open`."""
        from SyntheticCTLib.slicer_bridge.review_session import ReviewSession

        return ReviewSession.open(slicer.mrmlScene, folder, readerCode, spareFolder)


#
# SyntheticCTReviewTest
#


class SyntheticCTReviewTest(ScriptedLoadableModuleTest):
    """Runs in Slicer itself: two phantoms are read, and the answers are in the study's folder."""

    def setUp(self):
        """An empty scene."""
        slicer.mrmlScene.Clear(0)

    def test_a_study_of_two_phantoms_is_read(self):
        """From opening to the receipt."""
        import tempfile
        from pathlib import Path

        from SyntheticCTLib.review.reading import Reading
        from SyntheticCTLib.review.study import open_study

        with tempfile.TemporaryDirectory() as place:
            folder, spare = Path(place) / "study", Path(place) / "spare"
            self.delayDisplay("Making a study of two phantoms")
            self.makeStudy(folder)
            session = SyntheticCTReviewLogic().openReading(folder, "Self-test", spare)
            for call in ("real", "synthetic"):
                index = session.reading.first_open()
                session.show(index)
                self.delayDisplay(f"Reading case {index + 1}")
                (volume,) = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
                self.assertEqual((volume.GetName(), volume.GetStorageNode()), ("Case", None))
                draft = session.draft(index)
                draft.call, draft.confidence, draft.realism = call, 3, [4]
                self.assertTrue(session.save(index))
            session.close()
            self.assertEqual(len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")), 0)
            with Reading.open(open_study(folder), "Self-test", spare) as again:
                self.assertEqual([again.answer(index).call for index in (0, 1)], ["real", "synthetic"])
        self.delayDisplay("Done")

    def makeStudy(self, folder):
        """Write a study of two coarse phantoms; which of them is called synthetic does not matter here."""
        import hashlib
        import json

        import SimpleITK as sitk

        from SyntheticCTLib.images.phantoms import make_phantom
        from SyntheticCTLib.review.study import ARTEFACTS, STUDY_TITLE, STUDY_VERSION

        (folder / "cases").mkdir(parents=True)
        hashes = {}
        for seed, case in ((1, "aaaa0001"), (2, "bbbb0002")):
            image = make_phantom(seed, spacing=(4.0, 4.0, 6.0)).image
            file = folder / "cases" / f"{case}.nrrd"
            sitk.WriteImage(image, str(file), False)
            hashes[case] = hashlib.sha256(file.read_bytes()).hexdigest()
        study = {
            "study": STUDY_TITLE,
            "version": STUDY_VERSION,
            "id": "5e1f7e57",
            "mode": "rate",
            "order": "0a0b0c0d",
            "windows": [{"name": "soft tissue", "low": -160, "high": 240}],
            "geometry": {"size": image.GetSize(), "spacing": image.GetSpacing()},
            "artefacts": ARTEFACTS,
            "cases": [{"id": case, "sha256": digest} for case, digest in hashes.items()],
            "trials": [[case] for case in hashes],
            "practice": [],
        }
        (folder / "study.json").write_text(json.dumps(study), encoding="utf-8")
