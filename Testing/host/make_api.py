"""Write api.json, what the host's classes offer, from slicer_api.json (what a real Slicer was seen to offer).

    python Testing/host/make_api.py ../shared/slicer_api.json

slicer_api.json is large and not in the repository; api.json holds the few classes that the panel uses. What is not
listed there does not exist in the host.
"""

import json
import sys
from pathlib import Path

CLASSES = """QObject QWidget QLabel QPushButton QCheckBox QComboBox QVBoxLayout QHBoxLayout QFormLayout QTimer
    QDialog QTextBrowser QLineEdit QPlainTextEdit QListWidget QProgressBar QGridLayout QShortcut ctkPathLineEdit
    ctkMessageBox ctkCollapsibleButton ctkSliderWidget qMRMLWidget qMRMLNodeComboBox qMRMLSegmentEditorWidget
    qMRMLSliceWidget qMRMLSliceControllerWidget qMRMLSliceView qSlicerLayoutManager qSlicerApplication""".split()
# Known under other names; the second one of a list is an instance that was looked at.
KEYS = {"qSlicerLayoutManager": ["slicer.qMRMLLayoutManager", "slicer.app.layoutManager()"],
        "qSlicerApplication": ["slicer.app"]}
# Not looked at in the real application; these are the public members in Slicer's headers that Python code uses.
FROM_HEADERS = {"qSlicerScriptedLoadableModuleWidget": {
    "base": "qMRMLWidget", "properties": {"isEntered": "bool read-only"}, "signals": [],
    "methods": {"enter": [[]], "exit": [[]], "self": [[]]}}}
# slicer_api.json lists the application's signals among its members, without signatures.
APPLICATION_SIGNALS = ["startupCompleted()", "aboutToQuit()", "applicationStateChanged(Qt::ApplicationState)"]
ELSEWHERE = {"findChild", "findChildren"}    # PySide6's are others; the host has none


def description(entries, base, inherited):
    """One class of api.json: the union of its entries less what it inherits. `exec_` exists beside every `exec`.

    Methods are {name: [argument types of each overload]}; none is listed where the signature was not recorded.
    """
    properties = {name: kind for entry in entries for name, kind in entry["properties"].items()}
    signals = [signal for entry in entries for signal in entry.get("signals", [])]
    slots = [slot for entry in entries for slot in entry.get("slots", [])]
    own = {slot.split("(")[0] for slot in slots}
    members = {member for entry in entries for member in entry["members"]} | (set() if base else own)
    members |= {"exec_"} if "exec" in members else set()
    if base:
        properties = {name: kind for name, kind in properties.items() if name not in inherited["properties"]}
        members -= set(inherited["methods"]) - own
    members -= {signal.split("(")[0] for signal in signals} | set(properties) | ELSEWHERE
    methods = {name: [] for name in sorted(members)}
    for name, arguments in (slot[:-1].split("(", 1) for slot in dict.fromkeys(slots)):
        if name in methods:
            methods[name].append(arguments.split(",") if arguments else [])
    return {"base": base, "properties": properties, "signals": list(dict.fromkeys(signals)), "methods": methods}


def make_api(source):
    """The text of api.json for the text of slicer_api.json."""
    known, api = json.loads(source), {}
    for name in CLASSES:
        room = "qt." if name.startswith("Q") else "ctk." if name.startswith("ctk") else "slicer."
        entries = [known[key] for key in KEYS.get(name, [room + name])]
        base = None if name == "QObject" else "QWidget" if entries[0].get("widget") and name != "QWidget" else "QObject"
        api[name] = description(entries, base, api.get(base))
    api["qSlicerApplication"]["signals"] = APPLICATION_SIGNALS
    api |= FROM_HEADERS
    return "{\n" + ",\n".join(f'"{name}":{json.dumps(api[name], separators=(",", ":"))}' for name in api) + "\n}\n"


if __name__ == "__main__":
    observed = Path(sys.argv[1]).read_text(encoding="utf-8")
    Path(__file__).with_name("api.json").write_text(make_api(observed), encoding="utf-8")
