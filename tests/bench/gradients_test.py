"""bench/gradients.py: which layers it times, what its rows say, and what it makes of the figures. No time is asserted."""

import json
import math
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import tconv

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))
import gradients  # noqa: E402

DENSE = ["dcgan_g1", "sfm_disp_upconv7"]  # the smallest ones; the second has a bias and an activation
OTHERS = ["fastdepth_dw5_5", "fsrcnn_x3"]  # depthwise; one output channel


class Script(unittest.TestCase):
    def run_script(self, *arguments, expect=0):
        command = [sys.executable, "-B", PROJECT / "bench" / "gradients.py", "--tconv", os.environ["TCONV"], *arguments]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, expect, run.stdout + run.stderr)
        return run

    def test_rows_are_of_the_dense_layers(self):
        for layout in ("nhwc", "nchw"):
            with self.subTest(layout), tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "gradients.json"
                run = self.run_script("--ids", ",".join(DENSE + OTHERS), "--layout", layout, "--seconds", "0.001", "--json", path)
                rows = json.loads(path.read_text(encoding="utf-8"))
                self.assertEqual([(row["id"], row["layout"]) for row in rows], [(id, layout) for id in sorted(DENSE)])
                for row in rows:
                    for figure in ("fma_gflops", "input_gflops", "filter_gflops"):
                        self.assertTrue(math.isfinite(row[figure]) and row[figure] > 0, row)
                self.assertIn("median of the input's gradient: ", run.stdout)
                self.assertIn("% of the FMA peak, 2 layers", run.stdout)

    def test_mistakes_are_named(self):
        self.assertIn("none of these layers is dense", self.run_script("--ids", OTHERS[0], expect=2).stderr)
        self.assertIn("no_such_layer", self.run_script("--ids", "no_such_layer", expect=2).stderr)


class Parts(unittest.TestCase):
    def test_the_bare_layer(self):
        text = "n1_c64_h5_w4_o96_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nhwc"
        spec = gradients.spec_of({"layer": f"{text}_relu_resbefore_nobias"}, "nhwc")
        self.assertEqual(str(spec), text)
        self.assertTrue(gradients.is_dense(spec))

    def test_dense(self):
        for channels, outputs, groups, dense in ((64, 64, 1, True), (63, 64, 1, False), (64, 63, 1, False), (128, 128, 2, False)):
            spec = tconv.Spec(in_channels=channels, out_channels=outputs, groups=groups, in_size=4, kernel=3, stride=2)
            self.assertEqual(gradients.is_dense(spec), dense, spec)

    def test_the_median_of_runs_on_a_clock_that_is_known(self):
        now = 0.0
        durations = iter([9.0, 1.0, 5.0, 2.0, 7.0])  # the first warms up

        def run():
            nonlocal now
            now += next(durations)

        with mock.patch.object(gradients.time, "perf_counter", lambda: now):
            self.assertEqual(gradients.median_seconds(run, 7.5), 2.0)  # of 1, 5 and 2, after which the time is over


if __name__ == "__main__":
    unittest.main()
