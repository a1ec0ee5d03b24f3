"""bench/gpu on a machine without a GPU: the arithmetic, what is recorded (on a card that is the processor), the report, the skips."""

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import jsonschema

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
sys.path[:0] = [str(PROJECT / "bench" / "gpu"), str(PROJECT / "bench" / "report")]

import bench  # noqa: E402
import kernels  # noqa: E402
from contest import Contest  # noqa: E402
from layers import SUITE, Pair, read_layers  # noqa: E402
from layers_test import layer  # noqa: E402
from race import assemble  # noqa: E402
from work import compulsory_bytes, useful_flops  # noqa: E402
from worker import Worker, thread_environment  # noqa: E402

RECORDED = HERE / "data" / "small-gpu-nhwc-f32.json"
SCHEMA = json.loads((PROJECT / "docs/schemas/gpu-bench.json").read_text())
SMALL = ["dcgan_g1", "onnx_dilations"]
MATHS = list(bench.TOLERANCES)
PEAKS = json.loads(RECORDED.read_text())["peaks"]  # those of cpu_card.py


def torch_is_here() -> bool:
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


class Work(unittest.TestCase):
    def test_useful_products_are_those_that_a_count_of_all_finds(self):
        for case in (layer(), layer(kernel=Pair(3, 5), stride=Pair(1, 3), dilation=Pair(2, 1), crop=Pair(3, 4), size=Pair(4, 19)),
                     layer(in_channels=6, out_channels=6, groups=3, batch=2), layer(crop=Pair(-1, -2), size=Pair(3, 3))):
            pairs = 1
            for axis in ("h", "w"):
                s, d, crop, size, inputs, taps = (getattr(value, axis) for value in (
                    case.stride, case.dilation, case.crop, case.size, case.in_size, case.kernel))
                pairs *= sum(0 <= p * s + k * d - crop < size for p in range(inputs) for k in range(taps))
            self.assertEqual(useful_flops(case), 2 * case.batch * case.in_channels * case.out_channels / case.groups * pairs)

    def test_of_the_suite_no_layer_has_more_than_the_full_count(self):
        for case in read_layers():
            self.assertLessEqual(useful_flops(case), case.flops)
            self.assertGreater(useful_flops(case), 0.2 * case.flops, case.id)

    def test_bytes_are_those_of_all_tensors(self):
        case = layer()
        elements = 3 * 5 * 6 + 3 * 4 * 4 * 3 + 4 * 10 * 13 + 4
        self.assertEqual(compulsory_bytes(case), 4 * elements)
        self.assertEqual(compulsory_bytes(case, "bf16"), 2 * elements)


@unittest.skipUnless(torch_is_here(), "[SKIP] no PyTorch: scripts/bootstrap.sh python installs it")
class Kernels(unittest.TestCase):
    EXPLAINED = """tconv_a_cuda
  tconv_a_cuda: estimated at 12.5 kilocycles, 3 blocks
  tconv_b_cuda: of another element type
  tconv_c_cuda: estimated at 1.2e+04 kilocycles, 70 blocks
"""

    def test_candidates_are_those_with_an_estimate(self):
        import candidates

        self.assertEqual(candidates.estimates(self.EXPLAINED), {"tconv_a_cuda": "12.5", "tconv_c_cuda": "1.2e+04"})

    def test_each_candidate_has_a_line(self):
        import candidates
        from cpu_card import CpuCard, OnCpu

        class OneOnCpu(OnCpu):
            asked = []

            def plan(ours, spec):
                ours.asked.append(ours.kernel)
                ours.planned = argparse.Namespace(kernel="tconv_c_cuda", explain=lambda: self.EXPLAINED)
                return super().plan(spec)

        card = CpuCard()
        ours = OneOnCpu(card, "f32")
        case, = read_layers(ids=["onnx_dilations"])
        lines = list(candidates.lines_of(card, ours, case, "f32", "nhwc"))
        self.assertEqual(ours.asked, [None, "tconv_a_cuda", "tconv_c_cuda"])
        self.assertEqual([(line["kernel"], line.get("chosen")) for line in lines],
                         [("torch", None), ("tconv_a_cuda", 0), ("tconv_c_cuda", 1)])
        for line in lines:
            self.assertGreater(float(line["us"]), 0)
            self.assertLessEqual(set(line), set(kernels.COLUMNS))
        self.assertLess(float(lines[1]["max_err"]), 1e-5)


class Names(unittest.TestCase):
    def test_contestants_have_their_own_names_in_the_files_of_each_arithmetic(self):
        racing = bench.contestants(MATHS)
        names = [contestant.name for contestant in racing]
        self.assertEqual(len(set(names)), 16)
        for math in MATHS:
            chosen = bench.of_math(dict(zip(names, racing)), math)
            self.assertEqual(list(chosen), ["tconv_nchw", "tconv_nhwc", "torch", "torch_channels_last"])
            for contestant in chosen.values():
                self.assertEqual(contestant.name.rpartition("_")[2], math)

    def test_shorter_factors_may_be_further_off(self):
        tolerances = [[contestant.tolerance for contestant in bench.contestants([math])] for math in MATHS]
        self.assertEqual(tolerances, [[1e-4] * 4, [5e-3] * 4, [5e-3] * 4, [4e-2] * 4])

    def test_only_some_may_be_asked_for(self):
        self.assertEqual([contestant.name for contestant in bench.contestants(["bf16"])],
                         ["tconv_nchw_bf16", "tconv_nhwc_bf16", "torch_bf16", "torch_channels_last_bf16"])


@unittest.skipUnless(torch_is_here(), "[SKIP] no PyTorch: scripts/bootstrap.sh python installs it")
class Race(unittest.TestCase):
    def test_a_race_is_recorded_as_the_schema_says(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name)

        def worker_for(contestant):
            worker = Worker([sys.executable, "-B", HERE / "cpu_card.py", *bench.worker_for(contestant).command[2:]],
                            thread_environment(1))
            self.addCleanup(worker.stop)
            return worker

        entrants, about = assemble(bench.contestants(MATHS), worker_for)
        self.assertEqual([line["missing"] for line in about], [None] * 16)
        options = argparse.Namespace(machine="", out=path, add=False, layers=SUITE, math=MATHS, seconds=0.02, rounds=2)
        files = bench.result_files(options, "Card of (the) Test", about)
        contest = Contest(entrants, path, 1, options.seconds, options.rounds)
        for case in read_layers(ids=SMALL):
            rows = bench.race_layer(contest, case, files)
            self.assertEqual(len(rows), 8)
        for (layout, math), file in files.items():
            self.assertEqual(file.path.name, f"card-of-the-test-gpu-{layout}-{math}.json")
            document = json.loads(file.path.read_text())
            jsonschema.validate(document, SCHEMA, jsonschema.Draft202012Validator)
            self.assertEqual([row["id"] for row in document["rows"]], [row.id for row in read_layers(ids=SMALL)])
            self.assertEqual([peer["name"] for peer in document["peers"]], ["torch", "torch_channels_last"])
            self.assertEqual(document["peaks"], PEAKS)
            dtype = "f32" if math == "tf32" else math
            for row in document["rows"]:
                self.assertEqual({row["tconv"]["status"], *(peer["status"] for peer in row["peers"].values())}, {"timed"}, row)
                self.assertIn(f"_{dtype}_{layout}", row["layer"])
                self.assertIn(f"tconv_{dtype}_", row["tconv"]["kernel"])
                self.assertEqual(row["tconv"]["fma_gflops"], PEAKS[f"{math}_gflops"])
                self.assertLess(row["tconv"]["max_err"], {"f32": 1e-5, "f16": 5e-3, "bf16": 4e-2}[dtype])
                if dtype != "f32":  # that types are what the file says shows in what is lost
                    for timed in (row["tconv"], *row["peers"].values()):
                        self.assertGreater(timed["max_err"], 1e-5)
                for timed in (row["tconv"], *row["peers"].values()):
                    self.assertRegex(timed["detail"], r"^(1 runs one by one: operation not permitted when stream is capturing|"
                                                      r"([2-9]|\d\d+) runs a graph)$")
                self.assertAlmostEqual(row["speedup"], row["peers"][row["best_peer"]]["ns_median"] / row["tconv"]["ns_median"])
            self.assertIn("geometric mean of 2 layers", file.summary())


class Report(unittest.TestCase):
    def setUp(self):
        try:
            import charts
            import report
        except ModuleNotFoundError as missing:
            self.skipTest(f"[SKIP] {missing}: scripts/bootstrap.sh report installs it")
        self.charts, self.report = charts, report
        self.document = json.loads(RECORDED.read_text())

    def test_recorded_results_are_what_the_schema_says(self):
        for path in [RECORDED, *(PROJECT / "bench/results").glob("*-gpu-*.json")]:
            with self.subTest(path.name):
                jsonschema.validate(json.loads(path.read_text()), SCHEMA, jsonschema.Draft202012Validator)

    def test_the_page_and_the_pictures_say_whose_they_are(self):
        race = self.report.race_of(self.document, RECORDED.stem)
        ratios = [row["speedup"] for row in race["rows"]]
        self.assertEqual(ratios, sorted(ratios))
        page = self.report.page([race])
        for text in (self.document["gpu"], "cuDNN in float32", *(row["id"] for row in self.document["rows"])):
            self.assertIn(text, page)
        self.assertNotIn("thread", page.partition("<h2")[2])
        self.assertIn("cuDNN in float32", self.charts.svg(self.charts.ratios(self.document)))
        for math, name in (("tf32", "TF32"), ("f16", "float16"), ("bf16", "bfloat16")):
            self.assertIn(f"cuDNN in {name}", self.charts.title_of({**self.document, "math": math}))
        self.assertIn("cuDNN in float32", self.report.summary([race]))

    def test_races_of_both_kinds_are_in_order(self):
        names = ["a-gpu-nchw-f32", "a-gpu-nhwc-f32", "a-gpu-nchw-tf32", "a-peers-nchw-1", "a-peers-nhwc-2", "b-gpu-nchw-f32"]
        self.assertEqual([path.stem for path in sorted((Path(f"{name}.json") for name in reversed(names)),
                                                       key=self.report.in_order)], names)

    def test_a_run_draws_its_own_picture(self):
        with tempfile.TemporaryDirectory() as folder:
            file = bench.ResultFile(Path(folder, "x-gpu-nhwc-f32.json"), {**self.document, "rows": None}, SUITE, False)
            for row in self.document["rows"]:
                file.add(row, {})
            bench.picture(file)
            self.assertTrue(Path(folder, "x-gpu-nhwc-f32.png").read_bytes().startswith(b"\x89PNG"))


class Skips(unittest.TestCase):
    def run_it(self, *arguments, **environment):
        return subprocess.run([sys.executable, "-B", PROJECT / "bench/gpu/bench.py", *arguments], capture_output=True, text=True,
                              env={**os.environ, **environment})

    def test_without_a_gpu_it_says_what_it_needs(self):
        run = self.run_it("--ids", "dcgan_g1", CUDA_VISIBLE_DEVICES="")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, r"^\[SKIP\] gpu-bench needs an NVIDIA GPU of compute capability 8\.0 or later, its driver, "
                                     r"and PyTorch with CUDA: .+\n$")

    def test_without_pytorch_it_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "torch.py").write_text("raise ImportError('No module named torch')\n")
            run = self.run_it(PYTHONPATH=folder)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("No module named torch (scripts/bootstrap.sh python installs PyTorch)", run.stdout)

    def test_a_build_without_cuda_and_an_old_card_are_named(self):
        torch = mock.MagicMock(__version__="9")
        torch.cuda.is_available.return_value = True
        torch.cuda.get_device_name.return_value = "Old Card"
        for capability, package, reason in (((7, 5), mock.Mock(), "Old Card has compute capability 7.5"),
                                            ((9, 0), mock.Mock(spec=[]), "without -DTCONV_BUILD_CUDA=ON"),
                                            ((9, 0), mock.Mock(spec=["CudaPlan"]), None)):
            torch.cuda.get_device_capability.return_value = capability
            sys.modules.pop("card", None)
            with mock.patch.dict(sys.modules, {"torch": torch, "tconv": package}):
                missing = bench.what_is_missing()
            sys.modules.pop("card", None)
            self.assertTrue(missing is None if reason is None else reason in missing, missing)

    def test_mistakes_are_mistakes_everywhere(self):
        run = self.run_it("--ids", "nothing")
        self.assertEqual(run.returncode, 2)
        self.assertIn("no row of", run.stderr)
        self.assertNotEqual(self.run_it("--seconds", "0").returncode, 0)

    def test_make_builds_nothing_where_there_is_no_driver(self):
        libraries = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout
        if "libcuda.so.1" in libraries:
            self.skipTest("[SKIP] this machine has a driver")
        run = subprocess.run(["make", "-s", "-C", PROJECT, "gpu-bench"], capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stdout.partition(" needs")[0]), (0, "[SKIP] gpu-bench"), run.stderr)


if __name__ == "__main__":
    unittest.main()
