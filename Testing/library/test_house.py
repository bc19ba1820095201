"""The rules of the house: who imports whom, what loads when, and that the wheel holds what is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "SyntheticCTLib"

ROOMS = {
    "images": set(),
    "jobs": set(),
    "morph": {"images", "jobs"},
    "assess": {"images", "jobs"},
    "lesion": {"assess", "images", "jobs"},
    "cohort": {"assess", "images", "jobs", "lesion", "morph"},
    "review": {"assess", "cohort", "images", "jobs", "morph"},
    "slicer_bridge": {"images", "jobs", "lesion", "morph", "review"},
    "panel": {"slicer_bridge"},
}
"""Each room and the rooms it may import."""

SLICER_SIDE = {"slicer_bridge": {"vtk"}, "panel": {"vtk", "qt", "ctk"}}
"""Rooms that live in Slicer: there, and only there, `slicer` is always at hand, and these."""

LAZY = {"ants", "torch", "safetensors", "dask", "distributed", "highdicom", "pydicom", "scipy", "skimage", "sklearn"}
LAZY |= {"matplotlib", "statsmodels", "vtk", "qt", "ctk"}
"""Packages that are imported in the function that needs them."""

NETWORKS = ("lesion", "network")
"""The folder whose files are made of torch and import it at file scope; they are imported as torch is."""

FILES = sorted(LIBRARY.rglob("*.py"))


def imports(tree: ast.AST, file: Path):
    """(module, at file scope) of every import of a file, relative ones made absolute."""
    top = set(tree.body)
    package = ("SyntheticCTLib", *file.relative_to(LIBRARY).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module or "").split(".") if node.module else ())))
            if node.module is None:
                yield from ((f"{module}.{alias.name}", node in top) for alias in node.names)
            else:
                yield module, node in top


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(LIBRARY)))
def test_a_file_imports_only_the_rooms_below_its_own_and_nothing_heavy_at_file_scope(file):
    room = file.relative_to(LIBRARY).parts[0]
    for module, at_top in imports(ast.parse(file.read_text(encoding="utf-8")), file):
        parts = module.split(".")
        if parts[0] == "SyntheticCTLib" and len(parts) > 1 and room in ROOMS and parts[1] in ROOMS:
            assert parts[1] in ROOMS[room] | {room}, f"{room} imports {module}"
        lazy = LAZY - SLICER_SIDE[room] if room in SLICER_SIDE else LAZY | {"slicer"}
        network = file.relative_to(LIBRARY).parts[:2] == NETWORKS
        lazy -= {"torch"} if network else set()
        assert not (at_top and parts[0] in lazy), f"{module} is imported at file scope"
        assert not (at_top and not network and tuple(parts[1:3]) == NETWORKS), f"{module} is imported at file scope"


def test_every_room_is_known_to_this_test():
    folders = {folder.name for folder in LIBRARY.iterdir() if (folder / "__init__.py").exists()}
    assert folders == set(ROOMS)


def test_the_library_loads_none_of_the_heavy_packages():
    code = f"import SyntheticCTLib, sys; print(sorted({LAZY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_a_file_rarely_passes_400_lines():
    long = {file.name for file in FILES if len(file.read_text(encoding="utf-8").splitlines()) > 400}
    assert not long


@pytest.fixture(scope="module")
def a_wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy so that nothing is left in the checkout; needs the build backend only."""
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if tracked.returncode:
        pytest.skip("this is no git checkout, so what belongs in the wheel is not known")
    for name in tracked.stdout.splitlines():
        if name.startswith("SyntheticCTLib/") or name in ("pyproject.toml", "README.md", "LICENSE"):
            copy = folder / "source" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(folder / "source")], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_file_of_the_library(a_wheel):
    with zipfile.ZipFile(a_wheel) as wheel:
        names = set(wheel.namelist())
    command = ["git", "ls-files", "SyntheticCTLib"]
    tracked = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert set(tracked.stdout.split()) - {"SyntheticCTLib/CMakeLists.txt"} <= names  # which is for Slicer's build


def test_the_wheel_works_in_an_empty_environment(a_wheel, tmp_path):
    """The wheel alone in a fresh folder ahead of the third-party packages; the checkout is not on the path."""
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(a_wheel)]
    subprocess.run(command, check=True, capture_output=True)
    run = "import sys; sys.path[:0] = sys.argv.pop(1).split('|'); from SyntheticCTLib.cli import main; sys.exit(main())"
    paths = f"{target}|{sysconfig.get_paths()['purelib']}"
    arguments = ["phantom", "--seed", "3", "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-I", "-c", run, paths, *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "phantom_003.nii.gz").stat().st_size > 100_000
