"""The panel on the tests' host: loading, opening, and from a moved slider to the pixels of three views."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VIEWS = ("Red", "Green", "Yellow")
VIEW_SIZE = (512, 512)
STEPS = [float(percent) for percent in range(2, 100, 3)]
VOLUME_SIZE, VOLUME_SPACING = (512, 512, 120), (0.75, 0.75, 3.0)
"""A chest on thick slices, as most scans of the liver and lung are."""


def run() -> dict[str, float]:
    """Measure in a process of its own, for the host takes over `slicer`; print and return the figures."""
    done = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    rows = (
        ("module import, s", "import_seconds"),
        ("panel set up, s", "setup_seconds"),
        ("slider to pixels of three 512 x 512 views, ms", "drag_ms"),
        ("  of which blending, ms", "blend_ms"),
        ("  the same by SetDisplacementScale, ms", "scale_ms"),
        ("  the same views without a transform, ms", "plain_ms"),
        ("first move (the fields are made), s", "first_seconds"),
        ("memory grown while dragging, MB", "grown_mb"),
    )
    for title, name in rows:
        print(f"  {title:<50} {figures[name]:8.3f}")
    return figures


def _median_ms(action, host) -> float:
    """Median over the steps of an action and the pixels of all views after it."""
    times = []
    for percent in STEPS:
        began = time.perf_counter()
        action(percent)
        for view in VIEWS:
            host.slice_pixels(view)
        times.append(1000 * (time.perf_counter() - began))
    return sorted(times)[len(times) // 2]


def _megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure() -> dict[str, float]:
    """The figures, on this process's host."""
    sys.path[:0] = [str(ROOT / "Testing" / "host"), str(ROOT), str(ROOT / "Testing" / "benchmarks")]
    from host import Host

    host = Host()
    figures = {}
    began = time.perf_counter()
    host.load_module(str(ROOT / "SyntheticCT" / "SyntheticCT.py"))
    figures["import_seconds"] = time.perf_counter() - began
    began = time.perf_counter()
    panel = host.open_module(str(ROOT / "SyntheticCT" / "SyntheticCT.py"))
    figures["setup_seconds"] = time.perf_counter() - began
    _fill_scene(panel)
    for view in VIEWS:
        host.resize_view(view, *VIEW_SIZE)
    slider = panel.ui.percentSliderWidget

    def drag(percent: float) -> None:
        slider.value = percent

    began = time.perf_counter()
    drag(1.0)
    figures["first_seconds"] = time.perf_counter() - began
    _median_ms(drag, host)  # once unmeasured, so that all buffers are there
    before = _megabytes()
    figures["drag_ms"] = _median_ms(drag, host)
    figures["grown_mb"] = _megabytes() - before
    figures.update(_rivals(panel, host))
    host.quit()
    return figures


def _fill_scene(panel) -> None:
    """A phantom as source and target, and a gently waving path between them."""
    import numpy as np
    import SimpleITK as sitk
    import slicer

    from SyntheticCTLib.images.geometry import Geometry
    from SyntheticCTLib.images.phantoms import make_phantom
    from SyntheticCTLib.morph.path import Bound, MorphPath, coarse_over, positions
    from SyntheticCTLib.slicer_bridge.path_nodes import add_path
    from SyntheticCTLib.slicer_bridge.slice_views import show_in_slices
    from SyntheticCTLib.slicer_bridge.volumes import add_display_like, add_volume

    image = make_phantom(1, spacing=VOLUME_SPACING, size=VOLUME_SIZE).image
    volumes = [add_volume(slicer.mrmlScene, image, name) for name in ("source", "target")]
    for volume in volumes:
        add_display_like(volume, None)
    geometry = coarse_over(Geometry.of(image), 3.5)
    x = positions(geometry)
    waves = [12 * np.sin(x[(d + 1) % 3] / 50) * np.cos(x[(d + 2) % 3] / 70) for d in range(3)]
    velocity = sitk.GetImageFromArray(np.stack(waves, axis=-1).astype(np.float32), isVector=True)
    geometry.apply_to(velocity)
    bound = Bound.to(image)
    path = MorphPath(velocity, np.diag([1.05, 0.97, 1.02, 1.0]), np.eye(4), bound, bound)
    show_in_slices(slicer.mrmlScene, volumes[0])
    slicer.app.applicationLogic().FitSliceToAll()
    parameters = panel.panel.parameters
    parameters.sourceVolume, parameters.targetVolume = volumes
    parameters.path = add_path(slicer.mrmlScene, path, *volumes)


def _rivals(panel, host) -> dict[str, float]:
    """The same volume in the same views: its field scaled by VTK, and no field at all."""
    import slicer

    preview = panel.panel.morph.ensure_preview()
    blend = []
    for percent in STEPS:
        began = time.perf_counter()
        preview.show(percent)
        blend.append(1000 * (time.perf_counter() - began))
    transform = preview.transform.GetTransformFromParentAs("vtkOrientedGridTransform")
    scaled = _median_ms(lambda percent: transform.SetDisplacementScale(percent / 100), host)
    preview.volume.SetAndObserveTransformNodeID(None)
    plain = _median_ms(lambda percent: slicer.util.arrayFromVolumeModified(preview.volume), host)
    return {"blend_ms": sorted(blend)[len(blend) // 2], "scale_ms": scaled, "plain_ms": plain}


if __name__ == "__main__":
    print(json.dumps(measure()))
