"""scripts/inner_loops.py finds what it is for: a tile that does not fit the registers, and loops that grew."""

import csv
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

# Six outputs by three vectors of pixels want 18 accumulators of the 16 registers that AVX2 has; three want 9.
VARIANTS = "dtypes,family,lanes,isa,tile_a,tile_m\nf32,phase,pixels,avx2,{},24\n"
FITS, SPILLS = 3, 6


class InnerLoops(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.scratch.name)
        cls.assembly = {}
        for outputs in (FITS, SPILLS):
            variants = cls.folder / f"{outputs}.csv"
            variants.write_text(VARIANTS.format(outputs), encoding="utf-8")
            out = cls.folder / str(outputs)
            subprocess.run([os.environ["COMPILER"], "catalogue", "--variants", variants, "--multiply-only", "--out", out],
                           check=True)
            (cls.assembly[outputs],) = out.iterdir()

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def run_script(self, *arguments, expect=0):
        run = subprocess.run([sys.executable, os.environ["INNER_LOOPS"], *map(str, arguments)], capture_output=True, text=True,
                             check=False)
        self.assertEqual(run.returncode, expect, run.stdout + run.stderr)
        return run.stdout

    def table(self, outputs, **changed):
        """Of that assembly, with these columns replaced in every row."""
        path = self.folder / "table.csv"
        path.unlink(missing_ok=True)
        self.run_script("write", path, self.assembly[outputs])
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{**row, **changed} for row in csv.DictReader(file)]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        return path

    def planted(self, line):
        """The assembly with one more instruction before each multiply-add."""
        path = self.folder / "planted.s"
        text = self.assembly[FITS].read_text(encoding="utf-8")
        path.write_text(re.sub(r"^\tvfmadd", f"\t{line}\n\\g<0>", text, flags=re.M), encoding="utf-8")
        return path

    def test_what_fits_passes(self):
        self.assertIn("inner loops as the table has them",
                      self.run_script("check", self.table(FITS), self.assembly[FITS]))

    def test_a_tile_that_does_not_fit(self):
        table = self.table(SPILLS)
        self.run_script("check", table, self.assembly[SPILLS])  # allowed for
        said = self.run_script("check", self.table(SPILLS, stack="0"), self.assembly[SPILLS], expect=1)
        self.assertIn("pixels6x24_multiply_24: ", said)
        self.assertIn("stack references, 0 allowed", said)

    def test_planted_instructions(self):
        table = self.table(FITS)
        self.assertIn("stack references", self.run_script("check", table, self.planted("vmovaps %ymm0, 64(%rsp)"), expect=1))
        said = self.run_script("check", table, self.planted("vaddps %ymm0, %ymm0, %ymm0"), expect=1)
        self.assertRegex(said, r"pixels3x24_multiply_24: \d+ instructions for 9 multiply-adds, \d+ for 9 allowed")

    def test_loops_and_table_agree(self):
        said = self.run_script("check", self.table(FITS), self.assembly[SPILLS], expect=1)
        self.assertIn("pixels3x24_multiply_24: in the table, but not in the assembly", said)
        self.assertIn("pixels6x24_multiply_24: not in the table", said)

    def test_predictions(self):
        said = self.run_script("predict", "haswell,no_such_processor", self.assembly[FITS])
        if "llvm-mca is not installed" in said:
            self.skipTest(said)
        self.assertIn("[SKIP] no_such_processor", said)
        cycles = float(re.search(r"^haswell +([0-9.]+) cycles a multiply-add, .* pixels3x24_multiply_24$", said, re.M)[1])
        self.assertGreaterEqual(cycles, 0.5)  # two ports multiply
        self.assertLess(cycles, 2)


if __name__ == "__main__":
    unittest.main()
