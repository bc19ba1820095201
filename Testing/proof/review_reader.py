"""A radiologist who reads a study in the module, in a process of its own that can be killed: used by `prove_review.py`.

    python Testing/proof/review_reader.py STUDY PICTURES --code CODE [--crash-after N]

Opens the study as the next day would, answers by key and mouse, and prints one line of JSON: the case it began at, how
many answers it gave, the receipt (null after a crash) and the case it was at when the process died.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

# before anybody imports slicer: the wheel looks around once
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "library"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "panel"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "host"))

from host import Host
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from readers import Reader

CRASHED = 9
PANEL_SIZE = (440, 760)
VIEW_SIZES = {"Axial": (700, 760), "Coronal": (430, 376), "Sagittal": (430, 376)}
GAP = 8


def click(button) -> None:
    """Click a button of the panel with the mouse."""
    QTest.mouseClick(button._qt, Qt.MouseButton.LeftButton)


def answer(reader: Reader, number: int) -> None:
    """Answer the case that is shown: two of three are called synthetic and hardly realistic, every second one with the
    mouse, every fourth with a mark and a comment."""
    synthetic = number % 3 != 2
    if number % 4 == 0:
        reader.press("M")
        reader.click_in("SyntheticCTReviewAxial", (10.0, 20.0, 4.0))
        reader.press("K", *"BLUR", "Esc")
    if number % 2:
        ui = reader.ui
        click(ui.reviewSecondCallPushButton if synthetic else ui.reviewFirstCallPushButton)
        click(ui.reviewConfidence4PushButton if synthetic else ui.reviewConfidence2PushButton)
        click(ui.reviewFirstRealism2PushButton if synthetic else ui.reviewFirstRealism5PushButton)
        click(ui.reviewNextPushButton)
    else:
        reader.press(*("S", "5", "1") if synthetic else ("R", "2", "4"), "Return")


def picture(reader: Reader, file: Path) -> None:
    """Draw what the reader sees: the panel and, while a case is shown, its three views."""
    from PIL import Image

    reader.widget.parent._qt.window().resize(*PANEL_SIZE)
    reader.host.process_events(0.1)
    reader.host.grab(reader.widget.parent, file)
    if reader.page != "Reading":
        return
    for plane, size in VIEW_SIZES.items():
        reader.host.resize_view(f"SyntheticCTReview{plane}", *size)
    reader.press("Home")
    views = {plane: Image.fromarray(reader.host.slice_pixels(f"SyntheticCTReview{plane}")) for plane in VIEW_SIZES}
    blacks = {plane: Image.new("RGBA", size, "black") for plane, size in VIEW_SIZES.items()}
    left, middle = PANEL_SIZE[0] + GAP, PANEL_SIZE[0] + VIEW_SIZES["Axial"][0] + 2 * GAP
    whole = Image.new("RGB", (middle + VIEW_SIZES["Coronal"][0], PANEL_SIZE[1]), "gray")
    whole.paste(Image.open(file).convert("RGB"), (0, 0))
    places = {"Axial": (left, 0), "Coronal": (middle, 0), "Sagittal": (middle, VIEW_SIZES["Coronal"][1] + GAP)}
    for plane, place in places.items():
        whole.paste(Image.alpha_composite(blacks[plane], views[plane]).convert("RGB"), place)
    whole.save(file)


def read(folder: Path, pictures: Path, code: str, crash_after: int | None) -> None:
    """Read on from where the reading is: to its end, or until the process dies with a case half answered."""
    pictures.mkdir(parents=True, exist_ok=True)
    host = Host()
    reader = Reader(host, folder, code)
    if reader.page != "Reading":
        raise SystemExit(f"{folder} was not opened: {host.messages}")
    told = {"began_at": reader.session.trials[reader.panel.index].cases[0], "answers": 0, "receipt": None}
    while reader.page == "Reading":
        number = reader.panel.index
        case = reader.session.trials[number].cases[0]
        if told["answers"] == crash_after:
            reader.press("S", "4")
            picture(reader, pictures / f"case_{number + 1:02d}_crash.png")
            print(json.dumps(told | {"was_at": case}), flush=True)
            os._exit(CRASHED)
        picture(reader, pictures / f"case_{number + 1:02d}.png")
        answer(reader, number)
        told["answers"] += 1
        if reader.page == "Reading" and reader.panel.index != number + 1:
            raise SystemExit(f"case {number + 1}: the panel did not go on; {reader.ui.reviewNextPushButton.toolTip}")
    told["receipt"] = reader.session.reading.receipt
    if told["receipt"] not in reader.ui.reviewReceiptLabel.text:
        raise SystemExit("the page at the end does not show the receipt")
    picture(reader, pictures / "end.png")
    click(reader.ui.reviewClosePushButton)
    if host.slot_errors:
        raise SystemExit(f"raised in a slot: {host.slot_errors}")
    print(json.dumps(told), flush=True)
    host.quit()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--code", required=True)
    parser.add_argument("--crash-after", type=int, metavar="N")
    arguments = parser.parse_args()
    read(arguments.study, arguments.pictures, arguments.code, arguments.crash_after)
