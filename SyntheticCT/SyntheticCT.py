"""The Slicer module: a shell over `SyntheticCTLib.panel` (what is clicked) and `slicer_bridge` (MRML)."""

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

from SyntheticCTLib.panel import Panel, SyntheticCTParameterNode

PHANTOMS = {"SyntheticCT phantom A": (1, 2), "SyntheticCT phantom B": (3, 0)}
"""Sample data by name: seed and number of lesions."""


#
# SyntheticCT
#


class SyntheticCT(ScriptedLoadableModule):
    """What Slicer shows of the module before it is opened."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("SyntheticCT")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Image Synthesis")]
        parent.dependencies = []
        parent.contributors = ["SyntheticCT developers"]
        parent.helpText = _(
            "Makes CT scans of bodies that do not exist: register a source CT to a target CT, slide from one body to "
            "the other, create the scan you like with its labels and metadata. Paints lesions into masks. For "
            "research only."
        )
        parent.acknowledgementText = _(
            "The path follows the log-Euclidean framework of Arsigny et al. (MICCAI 2006); registration by ANTs "
            "(Avants et al., 2008) or SimpleITK."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)


def registerSampleData():
    """Offer the phantoms in the module Sample Data; they are made on this machine, not downloaded."""
    import SampleData

    for name in PHANTOMS:
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="SyntheticCT",
            sampleName=name,
            uris=[""],
            fileNames=[""],
            nodeNames=[name],
            customDownloader=makeSamplePhantom,
            thumbnailFileName=os.path.join(os.path.dirname(__file__), "Resources", "Icons", "SyntheticCT.png"),
        )


def makeSamplePhantom(source):
    """Put the phantom of a Sample Data source into the scene and into the views. Returns its volume node."""
    from SyntheticCTLib.errors import Cancelled
    from SyntheticCTLib.slicer_bridge.slice_views import show_in_slices

    try:
        volume = SyntheticCTLogic().makePhantom(source.sampleName)
    except Cancelled:  # the scene was closed meanwhile
        return None
    show_in_slices(slicer.mrmlScene, volume)
    slicer.util.resetSliceViews()
    return volume


#
# SyntheticCTWidget
#


class SyntheticCTWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Connects the panel to the life of module and scene."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None

    def setup(self):
        """Build the panel; needs neither a main window nor a layout manager."""
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/SyntheticCT.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = SyntheticCTLogic()
        self.panel = Panel(self.ui, lambda: self.logic.session, self.resourcePath)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        slicer.app.connect("aboutToQuit()", self.panel.end)
        self.panel.attach(self.logic.getParameterNode())

    def cleanup(self):
        """The module is unloaded."""
        self.removeObservers()
        if self.panel is not None:
            slicer.app.disconnect("aboutToQuit()", self.panel.end)
            self.panel.end()

    def enter(self):
        """The module is shown."""
        self.panel.attach(self.logic.getParameterNode())

    def exit(self):
        """Another module is shown; a running job goes on."""
        self.panel.leave()

    def onSceneStartClose(self, caller, event):
        """Everything of this scene ends with it."""
        self.panel.close_scene()
        self.logic.forgetSession()

    def onSceneEndClose(self, caller, event):
        """Begin anew on the empty scene, if the module is shown."""
        if self.parent.isEntered:
            self.panel.attach(self.logic.getParameterNode())

    def onSceneEndImport(self, caller, event):
        """Show what a loaded scene remembers, if the module is shown; put its views right in any case."""
        if self.parent.isEntered:
            self.panel.attach(self.logic.getParameterNode())
        else:
            self.panel.inspect.mend(self.logic.getParameterNode())


#
# SyntheticCTLogic
#


class SyntheticCTLogic(ScriptedLoadableModuleLogic):
    """The module without its panel: for Slicer's console and for scripts without a window.

    Example:
        >>> logic = SyntheticCTLogic()
        >>> path = logic.register(sourceVolume, targetVolume)
        >>> made = logic.create(path, 50, labels=segmentation)
        >>> made.volume.GetName(), made.verdict
    """

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        self._session = None

    @property
    def session(self):
        """The `MorphSession` on the current scene, which does the work."""
        if self._session is None:
            from SyntheticCTLib.slicer_bridge import MorphSession

            self._session = MorphSession(slicer.mrmlScene)
        return self._session

    def forgetSession(self):
        """Let go of everything known about the scene."""
        self._session = None

    def getParameterNode(self):
        """What the panel remembers, as typed members."""
        return SyntheticCTParameterNode(super().getParameterNode())

    def makePhantom(self, name):
        """Make one of the sample patients, such as "SyntheticCT phantom A", with labels and metadata; the window stays
        alive. Returns its volume node."""
        from SyntheticCTLib.slicer_bridge.sample_data import start_phantom

        seed, lesions = PHANTOMS[name]
        scene = slicer.mrmlScene
        job = start_phantom(scene, seed, name, lesions)
        closing = scene.AddObserver(scene.StartCloseEvent, lambda caller, event: job.cancel())
        try:
            return job.wait(on_wait=slicer.app.processEvents).volume
        finally:
            scene.RemoveObserver(closing)

    def register(self, sourceVolume, targetVolume, waitForCompletion=True, **options):
        """Find the path between two volume nodes; see `MorphSession.start_registration` for the options.

        Returns the path node, or with `waitForCompletion=False` the running job: call its `poll()` until it is
        `finished`, then its `value` is the path node.
        """
        job = self.session.start_registration(sourceVolume, targetVolume, **options)
        return job.wait() if waitForCompletion else job

    def create(self, path, percent, waitForCompletion=True, **options):
        """Make the synthetic CT at `percent`; see `MorphSession.start_morph` for the options.

        Returns what was made (volume, segmentation, metadata, report, verdict), or with `waitForCompletion=False` the
        running job.
        """
        job = self.session.start_morph(path, percent, **options)
        return job.wait() if waitForCompletion else job

    def paint(self, volume, mask, model, waitForCompletion=True, **options):
        """Paint the lesions of a mask into a copy of a volume; see `MorphSession.start_painting` for the options.

        Returns what was made (volume, segmentation, lesions, warnings), or with `waitForCompletion=False` the running
        job.
        """
        job = self.session.start_painting(volume, mask, model, **options)
        return job.wait() if waitForCompletion else job


#
# SyntheticCTTest
#


class SyntheticCTTest(ScriptedLoadableModuleTest):
    """Runs in Slicer itself: two phantoms, a path, a synthetic CT."""

    def setUp(self):
        """An empty scene."""
        slicer.mrmlScene.Clear(0)

    def test_from_two_phantoms_to_a_synthetic_ct(self):
        """The whole way, without a click."""
        from SyntheticCTLib.slicer_bridge.sample_data import start_phantom

        self.delayDisplay("Making two phantoms")
        first = start_phantom(slicer.mrmlScene, 1, "A", 2).wait()
        second = start_phantom(slicer.mrmlScene, 3, "B").wait()
        logic = SyntheticCTLogic()
        self.delayDisplay("Registering")
        path = logic.register(first.volume, second.volume, backend="simpleitk")
        self.assertEqual(logic.session.why_stale(path), "")
        self.delayDisplay("Creating")
        made = logic.create(path, 50, labels=first.segmentation)
        self.assertTrue(made.volume.GetName().startswith("SYNTHETIC"))
        self.assertIn(made.verdict, ("pass", "warn"))
        found = slicer.util.arrayFromVolume(made.volume)
        self.assertEqual(found.shape, slicer.util.arrayFromVolume(first.volume).shape)
        self.assertGreater(abs(found.astype(int) - slicer.util.arrayFromVolume(first.volume)).mean(), 20)
        self.delayDisplay("Done")
