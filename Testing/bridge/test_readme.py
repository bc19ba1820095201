"""The README's snippet for plain MRML, run as it is written."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def snippets(word: str) -> list[str]:
    """The Python blocks of the README in which a word occurs."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if word in block]


def test_the_snippet_for_plain_mrml_runs_as_written(tmp_path):
    (code,) = snippets("MorphSession")
    file = tmp_path / "snippet.py"
    file.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"SYNTHETIC [0-9a-f]{12} (pass|warn)", done.stdout.splitlines()[-1])
