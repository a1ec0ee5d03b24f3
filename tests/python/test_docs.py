"""The blocks of Python in the documentation run as they stand."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(os.environ.get("TCONV_SOURCE", pathlib.Path(__file__).parents[2]))
BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.S | re.M)
BLOCKS = [(path.name, number, match.group(1))
          for path in [SOURCE / "README.md", *sorted((SOURCE / "docs").glob("*.md"))]
          for number, match in enumerate(BLOCK.finditer(path.read_text(encoding="utf-8")), 1)]


@pytest.mark.parametrize(("page", "number", "code"), BLOCKS, ids=[f"{page}-{number}" for page, number, _ in BLOCKS])
def test_block(page, number, code):
    if "import torch" in code:
        pytest.importorskip("torch")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_there_are_blocks():
    assert {page for page, _, _ in BLOCKS} == {"README.md", "python.md"}
