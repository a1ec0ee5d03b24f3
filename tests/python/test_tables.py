"""Plans follow the tables that `tconv tune` wrote for the user: where the package looks for them."""

import os
import subprocess
import sys

SPEC = "tconv.Spec(in_channels=3, out_channels=4, in_size=5, kernel=4, stride=2)"


def run(code, **environment):
    clean = {name: value for name, value in os.environ.items() if name not in ("TCONV_DB", "TCONV_CACHE_DIR")}
    finished = subprocess.run([sys.executable, "-c", f"import os, tconv; {code}"], env={**clean, **environment},
                              capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished


def broken_tables(folder):
    """A table for every instruction set; one that is read complains of its header."""
    folder.mkdir(parents=True)
    for isa in ("baseline", "avx2", "avx512", "neon"):
        (folder / f"{isa}-f32.csv").write_text("no header\n", encoding="utf-8")
    return folder


def test_the_users_folder_is_read(tmp_path):
    tables = broken_tables(tmp_path / "tuned")
    said = run(f"tconv.Plan({SPEC}, threads=1)", TCONV_CACHE_DIR=str(tmp_path)).stderr
    assert f"{tables}/" in said and ":1: the header is not layer," in said


def test_without_a_folder_of_its_own(tmp_path):
    tables = broken_tables(tmp_path / "tconv" / "tuned")
    assert f"{tables}/" in run(f"tconv.Plan({SPEC}, threads=1)", XDG_CACHE_HOME=str(tmp_path)).stderr


def test_the_environment_comes_first(tmp_path):
    broken_tables(tmp_path / "tuned")
    finished = run(f"print(tconv.Plan({SPEC}, threads=1).explain())", TCONV_CACHE_DIR=str(tmp_path), TCONV_DB="none")
    assert finished.stderr == ""
    assert "chosen     by the cost model" in finished.stdout
