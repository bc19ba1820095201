"""A library folder whose rooms are replaced by fakes: what a child process is given as `library` in tests.

The real package is linked in file by file, so that the child runs the real jobs room and command line.
"""

from __future__ import annotations

from pathlib import Path

import SyntheticCTLib

_REAL = Path(SyntheticCTLib.__file__).parent


def make_library(folder: Path, **jobs_of_rooms: str) -> Path:
    """Make FOLDER/SyntheticCTLib, in which the given rooms have another jobs.py, and return FOLDER."""
    package = folder / "SyntheticCTLib"
    package.mkdir(parents=True)
    _link(_REAL, package, leave_out=jobs_of_rooms)
    for room, source in jobs_of_rooms.items():
        (package / room).mkdir()
        if (_REAL / room).is_dir():
            _link(_REAL / room, package / room, leave_out=["jobs.py"])
        else:
            (package / room / "__init__.py").write_text('"""A fake room."""\n', encoding="utf-8")
        (package / room / "jobs.py").write_text(source, encoding="utf-8")
    return folder


def _link(source: Path, folder: Path, leave_out) -> None:
    for item in source.iterdir():
        if item.name not in leave_out and item.name != "__pycache__":
            (folder / item.name).symlink_to(item)
