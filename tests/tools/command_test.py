"""The tconv command: exit codes, what it says about mistakes, JSON against docs/schemas, and each command's result."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from running import PROJECT, SMALL, SUITE, ToolTest

COMMANDS = ("list", "explain", "check", "bench", "tune")
DEPTHWISE = "n1_c8_h6_w6_o8_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g8_f32_nhwc"
WIDE_AS_STRIDE = "n1_c5_h3_w20_o8_k3x2_s2x2_p0,0,0,0_op0,0_d1x1_g1_f32_nchw"
WITH_LAYERS = COMMANDS[1:]


class Schemas(ToolTest):
    def test_list(self):
        kernels = self.validate(self.json("list"))["kernels"]
        self.assertTrue(any(kernel["runs_here"] for kernel in kernels))
        for kernel in kernels:
            named = f"tconv_{kernel['dtype']}_{kernel['family']}"
            named += f"_{kernel['lanes']}{kernel['tile']}" if kernel["lanes"] else ""
            self.assertIn(kernel["kernel"], (f"{named}_{kernel['isa']}", f"{named}_baseline", f"{named}_neon"))
        for layer in (("--layer", SMALL), (SMALL,)):
            self.validate(self.json("list", *layer))

    def test_explain(self):
        layer = self.validate(self.json("explain", SMALL, DEPTHWISE, "--threads", "2"))["layers"][0]
        self.assertEqual(layer["threads"], 2)
        usable = [candidate["kernel"] for candidate in layer["candidates"] if candidate["usable"]]
        self.assertIn(layer["kernel"], usable)
        self.assertAlmostEqual(layer["gflop_nominal"], 2 * 2 * 3 * 4 * 16 * 35 * 1e-9)
        for candidate in layer["candidates"]:
            self.assertEqual(candidate["usable"], candidate["why_not"] == "", candidate)

    def test_check(self):
        document = self.validate(self.json("check", SMALL))
        self.assertEqual(document["missed"], 0)
        self.assertEqual(document["compared"] + document["skipped"], len(document["rows"]))
        self.assertEqual({row["layout"] for row in document["rows"]}, {"nchw", "nhwc"})
        for row in document["rows"]:
            self.assertEqual(row["outcome"] == "skipped", row["reason"] != "", row)
            self.assertEqual(row["max_err"], None if row["outcome"] == "skipped" else 0)

    def test_bench(self):
        document = self.validate(self.json("bench", SMALL, "--seconds", "0.02", "--layout", "nhwc"))
        (row,) = document["rows"]
        self.assertEqual((row["verified"], row["layout"], row["threads"]), (True, "nhwc", 1))
        self.assertLessEqual(row["ns_p10"], row["ns_median"])
        self.assertLessEqual(row["ns_median"], row["ns_p90"])
        flops = 2 * 2 * 3 * 4 * 16 * 35
        self.assertAlmostEqual(row["gflops_nominal"], flops / row["ns_median"])
        self.assertAlmostEqual(row["pct_roof"], min(100, 100 * row["ns_roof"] / row["ns_median"]))

    def test_wrong_results(self):
        document = self.validate(self.json("check", SMALL, program="WRONG_TCONV", expect=1))
        self.assertGreater(document["missed"], 0)
        misses = [row for row in document["rows"] if row["outcome"] == "miss"]
        self.assertEqual(len(misses), document["missed"])
        self.assertIn("n 0, channel 0, row 0, column 0", misses[0]["reason"])
        (row,) = self.validate(self.json("bench", SMALL, program="WRONG_TCONV", expect=1))["rows"]
        self.assertEqual((row["verified"], row["ns_median"]), (False, None))
        run = self.tconv("bench", SMALL, program="WRONG_TCONV", expect=1)
        self.assertIn("MISS", run.stdout)

    def test_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "list.json"
            self.assertIn("tconv_f32", self.tconv("list", "--json", path).stdout)
            self.validate(json.loads(path.read_text(encoding="utf-8")))
            # Before anything is computed.
            for command in (("list",), ("check", SMALL), ("bench", SMALL)):
                self.complains(*command, "--json", Path(folder) / "none" / "list.json", says="cannot be written: No such file")
                self.complains(*command, "--json", folder, says="cannot be written: Is a directory")


class Results(ToolTest):
    def test_check_compares_every_kernel_that_runs_here(self):
        kernels = {kernel["kernel"] for kernel in self.json("list")["kernels"] if kernel["runs_here"]}
        document = self.json("check", "--layer", SMALL, "--layer", DEPTHWISE, WIDE_AS_STRIDE, "--threads", "2")
        compared = {row["kernel"] for row in document["rows"] if row["outcome"] == "compared"}
        self.assertEqual(compared, {kernel for kernel in kernels if kernel.startswith("tconv_f32_")})

    def test_check_of_activations(self):
        for end in ("_leaky_relu0.01", "_clip0,6_resbefore", "_prelu_resafter", "_sigmoid", "_tanh_nobias", "_elu1",
                    "_gelu", "_gelu_tanh", "_silu", "_hard_swish", "_hard_sigmoid", "_softplus_resafter", "_softmax",
                    "_softmax_last"):
            with self.subTest(end):
                self.assertEqual(self.json("check", SMALL + end)["missed"], 0)

    def test_check_of_every_type(self):
        kernels = [kernel for kernel in self.json("list")["kernels"] if kernel["runs_here"]]
        self.assertIn("f32", {kernel["dtype"] for kernel in kernels})
        for dtype in sorted({kernel["dtype"] for kernel in kernels}):
            for end in ("", "_leaky_relu0.01", "_prelu_resafter", "_gelu", "_softmax_resafter"):
                with self.subTest(dtype + end):
                    layers = [layer.replace("f32", dtype) + end for layer in (SMALL, DEPTHWISE, WIDE_AS_STRIDE)]
                    document = self.json("check", *layers, "--threads", "2")
                    self.assertEqual(document["missed"], 0)
                    compared = {row["kernel"] for row in document["rows"] if row["outcome"] == "compared"}
                    # Planes keep no sums over channels, which softmax wants.
                    able = {k["kernel"] for k in kernels if k["dtype"] == dtype and
                            ("softmax" not in end or not re.search("_(planes|woven)", k["kernel"]))}
                    self.assertEqual(compared, able)
            document = self.json("check", SMALL, "--dtype", dtype, program="WRONG_TCONV", expect=1)
            self.assertEqual(document["missed"], len([row for row in document["rows"] if row["outcome"] != "skipped"]))

    def test_bench_and_explain_of_every_type(self):
        size = {"f32": 4, "f64": 8, "f16": 2, "bf16": 2}
        elements = 2 * 3 * 7 * 5 + 3 * 4 * 4 * 4 + 4 + 2 * 4 * 14 * 10
        for dtype in sorted({kernel["dtype"] for kernel in self.json("list")["kernels"] if kernel["runs_here"]}):
            with self.subTest(dtype):
                (row,) = self.json("bench", SMALL, "--dtype", dtype, "--seconds", "0.01")["rows"]
                self.assertEqual((row["verified"], row["dtype"], row["max_err"]), (True, dtype, 0))
                self.assertIn(f"tconv_{dtype}_", row["kernel"])
                (layer,) = self.json("explain", SMALL, "--dtype", dtype)["layers"]
                self.assertEqual(layer["compulsory_bytes"], size[dtype] * elements)
                self.assertIn("of f64 multiply-adds" if dtype == "f64" else "of f32 multiply-adds",
                              self.tconv("explain", SMALL, "--dtype", dtype).stdout)

    def test_a_large_layer_is_sampled(self):
        document = self.json("check", "n1_c128_h64_w64_o128_k6x6_s2x2_p2,2,2,2_op0,0_d1x1_g1_f32_nchw", "--kernel",
                             "phase_channels", "--threads", "2")
        self.assertGreater(document["sampled"], 0)
        self.assertEqual((document["compared"], document["missed"]), (0, 0))
        for row in document["rows"]:
            if row["outcome"] != "skipped":  # a kernel for another CPU
                self.assertLess(row["outputs_compared"], row["outputs"])

    def test_rows_of_the_suite(self):
        document = self.json("check", "--layers", SUITE, "--ids", "dcgan_g1,onnx_dilations", "--layout", "nhwc")
        self.assertEqual({row["id"] for row in document["rows"]}, {"dcgan_g1", "onnx_dilations"})
        self.assertEqual({row["layout"] for row in document["rows"]}, {"nhwc"})
        self.assertEqual(document["missed"], 0)

    def test_what_is_left_out_of_a_row_is_said_once(self):
        chosen = ("--layers", SUITE, "--ids", "sam_up1,dcgan_g1", "--kernel", "phase_channels")
        with tempfile.TemporaryDirectory() as folder:
            for command in (("check",), ("bench", "--seconds", "0.01"), ("tune", "--seconds", "0.05", "--db", folder)):
                run = self.tconv(*command, *chosen)
                notes = [line for line in run.stderr.splitlines() if "left out" in line]
                self.assertEqual(notes, ["note: sam_up1: activation gelu left out: norm ln stands before it"])
                self.assertNotIn("left out", run.stdout)

    def test_isa_lowers_what_is_used(self):
        lowest = "baseline" if os.uname().machine == "x86_64" else "neon"
        self.assertEqual(self.json("explain", SMALL, "--isa", lowest)["layers"][0]["isa"], lowest)
        self.assertEqual(self.json("explain", SMALL, TCONV_ISA=lowest)["isa"], lowest)

    def test_threads_from_the_environment(self):
        self.assertEqual(self.json("check", SMALL, "--kernel", "phase", TCONV_NUM_THREADS="3")["threads"], 3)
        self.complains("check", SMALL, says="TCONV_NUM_THREADS=many", TCONV_NUM_THREADS="many")

    def test_bench_of_named_kernels(self):
        rows = self.json("bench", SMALL, "--kernel", "phase_(channels|pixels).*", "--seconds", "0.01", "--threads", "2")["rows"]
        self.assertGreater(len(rows), 1)
        self.assertTrue(all(re.search("phase_(channels|pixels)", row["kernel"]) for row in rows))

    def test_explain_prints_plan_and_roofline(self):
        run = self.tconv("explain", SMALL, "--kernel", "phase_pixels")
        for word in ("layer      " + SMALL, "kernel     tconv_f32_phase_pixels", "candidates", "roofline"):
            self.assertIn(word, run.stdout)


class CompileOptions(ToolTest):
    """Those that compile shares with the other commands."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.out = Path(temporary.name) / "out"

    def compile(self, *arguments, **keywords):
        return self.tconv("compile", SMALL, "--name", "up", "--out", self.out, *arguments, **keywords)

    def test_json(self):
        document = self.validate(json.loads(self.compile("--json", "-").stdout))
        (row,) = document["layers"]
        self.assertEqual((row["layer"], row["name"], row["target"]), (SMALL, "up", "host"))
        header = (self.out / row["header"]).read_text(encoding="utf-8")
        self.assertIn(f'UP_KERNEL "{row["kernel"]}"', header)
        for what in ("packed", "workspace"):
            self.assertEqual(int(re.search(rf"UP_{what.upper()}_BYTES (\d+)", header)[1]), row[f"{what}_bytes"])
        self.assertEqual({file.name for file in self.out.iterdir()}, {row["library"], row["header"]})

    def test_json_of_several_targets(self):
        file = self.out.parent / "made.json"
        self.compile("--target", "x86-64-linux,arm-64-linux", "--json", file)
        layers = self.validate(json.loads(file.read_text(encoding="utf-8")))["layers"]
        self.assertEqual([layer["target"] for layer in layers], ["x86-64-linux", "arm-64-linux"])
        for layer in layers:
            for made in ("library", "header"):
                self.assertTrue((self.out / layer[made]).is_file(), layer)

    def test_a_kernel_may_be_named(self):
        for lanes in ("merged", "channels"):
            (row,) = json.loads(self.compile("--kernel", f"phase_{lanes}", "--json", "-").stdout)["layers"]
            self.assertIn(f"_phase_{lanes}", row["kernel"])

    def test_isa_lowers_the_target(self):
        target = "x86-64-linux-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake"
        for isa, lower in (("baseline", "baseline"), ("avx2", "avx2"), ("avx512", "avx512"), ("avx512bf16", "avx512")):
            (row,) = json.loads(self.compile("--target", target, "--isa", isa, "--json", "-").stdout)["layers"]
            self.assertEqual(row["kernel"].rpartition("_")[2], lower)

    def test_mistakes(self):
        for arguments, says in ((("--isa", "sse9"), "--isa 'sse9' is none of"),
                                (("--isa", "neon", "--target", "x86-64-linux"), "--isa neon: target"),
                                (("--kernel", "magic"), "--kernel 'magic' matches no kernel for"),
                                (("--kernel", "("), "is not a regular expression"),
                                (("--kernel", "x", "--target", "cuda"), "not with --kernel"),
                                (("--isa", "avx2", "--target", "cuda"), "not with --isa"),
                                (("--json", self.out.parent), "cannot be written")):
            with self.subTest(arguments):
                run = self.compile(*arguments, expect=2)
                self.assertIn(says, run.stderr)
                self.assertFalse(self.out.exists())
        run = self.tconv("compile", SMALL, "--name", "tconv", "--out", self.out, expect=2)
        self.assertIn("is that of the runtime library", run.stderr)
        self.assertFalse(self.out.exists())
        run = self.compile("--kernel", "f32_phase_woven4x24_avx2", "--target", "x86-64-linux-sse41-avx-f16c-fma-avx2", expect=3)
        self.assertIn("does not compute this layer: woven phases have one tap each", run.stderr)


class Mistakes(ToolTest):
    def test_help_teaches(self):
        self.assertIn("Exit codes", self.tconv("--help").stdout)
        for command in COMMANDS:
            text = self.tconv(command, "--help").stdout
            self.assertGreaterEqual(len(re.findall(rf"^ +tconv {command} ", text, re.M)), 2, text)

    def test_the_command_line(self):
        self.complains(says=["no command given", "list, explain, check"])
        self.complains("chekc", says=["'chekc' is no command", "list, explain, check"])
        self.complains("--verison", says="'--verison' is no command")
        self.complains("check", "--layerz", "x", says=["tconv check: ", "--layerz", "tconv check --help"])
        self.complains("list", "--ids", "dcgan_g1", says="--ids and --tier choose rows of a table")
        self.tconv("bench", SMALL, "--seconds", "soon", expect=2)
        self.complains("bench", SMALL, "--seconds", "0", says="--seconds")
        self.complains("bench", SMALL, "--seconds", "inf", says="--seconds must be a number above 0")
        for seconds in ("nan", "0", "-1"):
            self.complains("check", SMALL, "--most-seconds", seconds, says="--most-seconds must be a number above 0")
        for option in ("--json", "--kernel", "--isa", "--db", "--layout", "--dtype", "--tier"):
            self.complains("explain", SMALL, option, "", says=[option, "must not be empty"])

    def test_list_shows_kernels_or_layers(self):
        self.complains("list", SMALL, "--kernel", "phase", says="--kernel goes without layers")

    def test_ids_of_any_encoding(self):
        with tempfile.TemporaryDirectory() as folder:
            table, result = Path(folder) / "latin1.csv", Path(folder) / "result.json"
            with SUITE.open("rb") as suite:
                header, row = suite.readline(), suite.readline()
            table.write_bytes(header + b"d\xe9co," + row.split(b",", 1)[1])
            self.tconv("list", "--layers", table, "--json", result)
            (layer,) = json.loads(result.read_text(encoding="utf-8"))["layers"]
            self.assertEqual(layer["id"], "d\ufffdco")

    def test_paths_that_no_file_has(self):
        with tempfile.TemporaryDirectory() as folder:
            loop = Path(folder) / "loop.csv"
            loop.symlink_to("loop.csv")
            for path in (loop, Path(folder) / ("a" * 300 + ".csv")):
                self.complains("list", "--layers", path, says=f"{path}: cannot be read")

    def test_results_that_nobody_gets_are_no_success(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            for arguments in (["list"], ["check", SMALL, "--kernel", "baseline"], ["list", "--json", "-"]):
                run = subprocess.run([os.environ["TCONV"], *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
                self.assertEqual(run.returncode, 2, run.stderr)
                self.assertIn(b"standard output: cannot be written", run.stderr)

    def test_layer_texts(self):
        for command in WITH_LAYERS:
            self.complains(command, "n1_c3", says=["'n1_c3'", "position 5", "docs/tool.md"])
            self.complains(command, SMALL + "_rleu", says="_rleu")
            self.complains(command, SMALL.replace("s2x2", "s0x2"), says="stride_h")

    def test_kernels_isas_and_threads(self):
        for command in WITH_LAYERS:
            self.complains(command, SMALL, "--kernel", "phase(", says="'phase(' is not a regular expression")
            self.complains(command, SMALL, "--kernel", "nosuch", says="'nosuch' matches no kernel")
            self.complains(command, SMALL, "--isa", "sse9", says=["--isa sse9", "baseline"])
            self.complains(command, SMALL, says="TCONV_ISA", TCONV_ISA="sse9")
            self.complains(command, SMALL, "--threads", "-1", says="--threads -1")
            self.complains(command, SMALL, "--threads", "0", says="--threads 0")
            self.complains(command, SMALL, "--threads", "5000", says="--threads 5000")
            for threads in ("0", "1025", "2x", "99999999999", "-99999999999"):  # some fit no int
                self.complains(command, SMALL, TCONV_NUM_THREADS=threads,
                               says=f"TCONV_NUM_THREADS={threads}: must be a number from 1 to 1024")

    def test_nothing_compared(self):
        for command in ("check", "bench"):
            run = self.tconv(command, SMALL, "--kernel", "depthwise", expect=2)
            self.assertIn("nothing was", run.stderr)
        empty = SMALL.replace("n2_", "n0_")
        with tempfile.TemporaryDirectory() as folder:
            for command in ("check", "bench", "tune"):
                run = self.tconv(command, empty, empty + "_relu", "--db", folder, expect=2)
                self.assertIn("nothing was", run.stderr)
                self.assertIn("batch 0", run.stdout + run.stderr)
        (row,) = self.json("bench", empty, SMALL, "--seconds", "0.01")["rows"]
        self.assertEqual(row["layer"], SMALL)

    def test_not_supported_here(self):
        for command in WITH_LAYERS:
            run = self.tconv(command, SMALL, "--dtype", "s8", expect=3)
            self.assertIn("dtype", run.stderr)
        if os.uname().machine == "x86_64" and any("avx2" in k["kernel"] for k in self.json("list")["kernels"]):
            for command in WITH_LAYERS:
                self.complains(command, SMALL, "--isa", "baseline", "--kernel", "avx2", says="baseline", code=3)


class Compile(ToolTest):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.alone = Path(self.folder.name) / "tconv"
        shutil.copy(os.environ["TCONV"], self.alone)
        os.environ["ALONE"] = str(self.alone)

    def compiler(self, folder):
        program = folder / "tconv-compiler"
        program.write_text('#!/bin/sh\nprintf "%s|" "$@"\nexit 7\n', encoding="utf-8")
        program.chmod(0o755)

    def test_without_the_compiler_it_says_what_installs_it(self):
        run = self.tconv("compile", "--out", "x", program="ALONE", expect=3, PATH="/nowhere")
        self.assertIn("pip install '.[compiler]'", run.stderr)

    def test_arguments_and_exit_code_pass_through(self):
        self.compiler(self.alone.parent)
        run = self.tconv("compile", "--layer", "a b", "--help", program="ALONE", expect=7, PATH="/usr/bin:/bin")
        self.assertEqual(run.stdout, "compile|--layer|a b|--help|")

    def test_the_compiler_on_the_path(self):
        elsewhere = self.alone.parent / "elsewhere"
        elsewhere.mkdir()
        self.compiler(elsewhere)
        run = self.tconv("compile", "x", program="ALONE", expect=7, PATH=f"/usr/bin:/bin:{elsewhere}")
        self.assertEqual(run.stdout, "compile|x|")


if __name__ == "__main__":
    unittest.main()
