"""A library folder whose rooms are replaced by fakes: what a child process is given as `library` in tests.

The real package is linked in file by file, so that the child runs the real jobs room and command line.
"""

from __future__ import annotations

from pathlib import Path

import SyntheticCTLib

_REAL = Path(SyntheticCTLib.__file__).parent


def make_library(folder: Path, **rooms: str) -> Path:
    """Make FOLDER/SyntheticCTLib with the given rooms (name: source of jobs.py) and links to the others."""
    package = folder / "SyntheticCTLib"
    package.mkdir(parents=True)
    for item in _REAL.iterdir():
        if item.name not in rooms and item.name != "__pycache__":
            (package / item.name).symlink_to(item)
    for name, source in rooms.items():
        (package / name).mkdir()
        (package / name / "__init__.py").write_text('"""A fake room."""\n')
        (package / name / "jobs.py").write_text(source)
    return folder
