"""tconv tune: what it writes, what the other commands make of it, merging, and what it refuses."""

import csv
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from running import PROJECT, SMALL, SUITE, ToolTest

# The same layer: output padding is a crop that ends later.
SPELT = "n1_c8_h5_w7_o16_k3x3_s2x2_p1,1,1,1_op1,1_d1x1_g1_f32_nhwc"
RESPELT = "n4_c8_h5_w7_o16_k3x3_s2x2_p1,1,0,0_op0,0_d1x1_g1_f32_nhwc_relu"
QUICK = ("--seconds", "0.05")


class Tuning(ToolTest):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)

    def rows(self, folder):
        (path,) = folder.glob("*.csv")
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def tune(self, *arguments, db=None, **keywords):
        return self.json("tune", *arguments, *QUICK, "--db", db or self.folder, **keywords)

    def explained(self, layer, *arguments, **environment):
        (found,) = self.json("explain", layer, *arguments, **environment)["layers"]
        return found

    def test_a_row_is_written_and_followed(self):
        document = self.tune(SPELT)
        self.validate(document)
        (result,), (row,) = document["rows"], self.rows(self.folder)
        for column in ("layer", "kernel", "block_h", "block_w", "units"):
            self.assertEqual(row[column], str(result[column]))
        self.assertEqual(row["microarchitecture"], document["microarchitecture"])
        self.assertRegex(row["date"], r"^\d{4}-\d\d-\d\d$")
        timed = {candidate["kernel"] for candidate in result["candidates"] if candidate["ns"]}
        self.assertIn(result["kernel"], timed)
        self.assertIn(result["kernel_untuned"], timed)
        for layer in (SPELT, RESPELT):
            for threads in ("1", "2"):
                found = self.explained(layer, "--db", self.folder, "--threads", threads)
                self.assertEqual((found["kernel"], found["chosen"]), (row["kernel"], "by the tuned row of this layer"))
        self.assertEqual(self.explained(SPELT, "--db", "none")["chosen"], "by the cost model")
        (timed_row,) = self.json("bench", SPELT, "--db", self.folder, "--seconds", "0.01")["rows"]
        self.assertEqual((timed_row["kernel"], timed_row["verified"]), (row["kernel"], True))
        self.assertEqual(self.json("check", SPELT, "--db", self.folder)["missed"], 0)

    def test_spellings_share_a_row_and_rows_are_sorted(self):
        self.assertEqual(len(self.tune(SPELT, RESPELT)["rows"]), 1)
        self.tune(SMALL)
        keys = [row["layer"] for row in self.rows(self.folder)]
        self.assertEqual(len(keys), 2)
        self.assertEqual(keys, sorted(keys))
        self.assertEqual([path.name for path in self.folder.iterdir() if path.suffix != ".csv"], [".lock"])

    def test_missing_layers_only(self):
        self.tune(SPELT)
        document = self.tune(RESPELT, SMALL, "--missing")
        self.assertEqual([row["id"] for row in document["rows"]], [SMALL])
        self.assertEqual(self.tune(RESPELT, SMALL, "--missing")["rows"], [])
        run = self.tconv("tune", RESPELT, SMALL, "--missing", *QUICK, "--db", self.folder)
        self.assertIn("nothing to tune", run.stdout)
        self.assertEqual(len(self.rows(self.folder)), 2)

    def test_a_row_is_of_one_instruction_set(self):
        here = {kernel["isa"] for kernel in self.json("list")["kernels"] if kernel["runs_here"]}
        isas = [isa for isa in ("baseline", "avx2", "avx512") if isa in here]
        if len(isas) < 2:
            self.skipTest("[SKIP] this library has kernels of one instruction set")
        self.tune(SMALL, "--isa", isas[0])
        (path,) = self.folder.glob("*.csv")
        self.assertEqual([row["id"] for row in self.tune(SMALL, "--isa", isas[1], "--missing")["rows"]], [SMALL])
        tables = sorted(self.folder.glob("*.csv"))
        self.assertEqual(len(tables), 2)
        # Merged, each stays what it is, whichever is the later.
        later = path.read_text(encoding="utf-8").replace(self.date(path), "2999-01-01")
        path.write_text(later, encoding="utf-8")
        merged = self.folder / "merged"
        self.tconv("tune", "--merge", *tables, "--db", merged)
        self.assertEqual({table.name: table.read_text(encoding="utf-8") for table in merged.glob("*.csv")},
                         {table.name: table.read_text(encoding="utf-8") for table in tables})

    def date(self, path):
        with path.open(encoding="utf-8", newline="") as file:
            return next(csv.DictReader(file))["date"]

    def test_what_cannot_be_written_is_said_before_measuring(self):
        long = ("--seconds", "1000000")
        self.complains("tune", SMALL, *long, "--db", "/proc/absent", says="/proc/absent: cannot be made")
        self.complains("tune", SMALL, *long, "--db", f"{self.folder}/a:b", says="no colon")
        self.complains("tune", SMALL, *long, "--db", __file__, says=f"{__file__}: cannot be")
        (self.folder / "avx2-f32.csv").write_text("layer\n", encoding="utf-8")
        self.complains("tune", SMALL, *long, "--db", self.folder, says="avx2-f32.csv:1: the header")
        (self.folder / "avx2-f32.csv").unlink()
        (self.folder / "avx2-f32.csv").symlink_to("avx2-f32.csv")
        self.complains("tune", SMALL, *long, "--db", self.folder, says="avx2-f32.csv: cannot be read")
        self.assertFalse((self.folder / "a:b").exists())

    def test_merging_takes_nothing_that_is_measured(self):
        for option in (("--missing",), ("--json", "-"), ("--kernel", "x"), ("--threads", "2")):
            self.complains("tune", "--merge", "a.csv", *option, "--db", self.folder, says="--merge takes tables and --db")

    def test_time_that_is_over_is_said(self):
        self.complains("tune", SMALL, "--total-seconds", "1e-9", "--db", self.folder, says="--total-seconds were over")
        self.complains("tune", SMALL, "--seconds", "inf", "--db", self.folder, says="must be numbers above 0")

    def test_missing_succeeds_only_where_something_was_passed_over(self):
        self.tune(SPELT)
        # A row of another layer is no answer for one that nothing computes.
        self.complains("tune", SMALL, "--dtype", "s8", "--missing", *QUICK, "--db", self.folder, code=3,
                       says="nothing was tuned: no kernel here computes dtype s8")
        self.complains("tune", SMALL, "--kernel", "depthwise", "--missing", *QUICK, "--db", self.folder,
                       says="nothing was tuned: no kernel that --kernel matches")
        self.assertEqual(self.tune(SPELT, "--kernel", "depthwise", "--missing")["rows"], [])

    def test_a_layer_given_twice_is_no_row_of_it(self):
        self.complains("tune", SMALL, SMALL, "--kernel", "depthwise", *QUICK, "--db", self.folder, says="nothing was tuned")
        # One of no images says nothing about its class.
        document = self.tune(SMALL.replace("n2_", "n0_"), SMALL)
        self.assertEqual([row["id"] for row in document["rows"]], [SMALL])

    def test_what_was_taken_before_is_named_and_stays_unless_beaten(self):
        (first,) = self.tune(SPELT)["rows"]
        self.assertEqual(first["kernel_before"], first["kernel_untuned"])  # no table has the layer
        (path,) = self.folder.glob("*.csv")
        others = {candidate["kernel"] for candidate in first["candidates"]} - {first["kernel"]}
        if not others:
            self.skipTest("[SKIP] this build has one kernel for the layer")
        path.write_text(path.read_text(encoding="utf-8").replace(first["kernel"], min(others)), encoding="utf-8")
        (second,) = self.tune(SPELT)["rows"]
        self.assertEqual(second["kernel_before"], min(others))
        self.assertLessEqual(second["ns"], second["ns_before"])

    def test_where_results_go_and_who_comes_first(self):
        cache = self.folder / "cache"
        self.json("tune", SPELT, *QUICK, TCONV_CACHE_DIR=str(cache))
        (row,) = self.rows(cache / "tuned")
        self.assertEqual(self.explained(SPELT, TCONV_CACHE_DIR=str(cache))["chosen"], "by the tuned row of this layer")
        self.assertEqual(self.explained(SPELT, TCONV_DB="none", TCONV_CACHE_DIR=str(cache))["chosen"], "by the cost model")
        # --db comes before the user's folder: a row that only differs in its blocks.
        db = self.folder / "db"
        self.tune(SPELT, db=db)
        (path,) = db.glob("*.csv")
        header, line = path.read_text(encoding="utf-8").splitlines()
        cut = re.sub(r"(,tconv_\w+),\d+,\d+,\d+,", r"\1,1,0,0,", line)
        path.write_text(f"{header}\n{cut}\n", encoding="utf-8")
        found = self.explained(SPELT, "--db", db, TCONV_CACHE_DIR=str(cache))
        self.assertIn(f"{path}:2", found["text"])
        path.write_text(f"{header}\n", encoding="utf-8")
        found = self.explained(SPELT, "--db", db, TCONV_CACHE_DIR=str(cache))
        self.assertIn(f"{cache}/tuned/{path.name}:2", found["text"])
        self.assertEqual(found["kernel"], row["kernel"])

    def test_stale_and_malformed_rows_are_named(self):
        self.tune(SPELT)
        (path,) = self.folder.glob("*.csv")
        good = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"tconv_f32_\w+?_(\w+),", r"tconv_f32_phase_channels999x9_\1,", good), encoding="utf-8")
        run = self.tconv("explain", SPELT, "--db", self.folder)
        self.assertIn(f"{path}:2: the row for tconv_f32_phase_channels999x9", run.stderr)
        self.assertIn("its kernel is not in this library", run.stderr)
        self.assertIn("chosen     by the cost model", run.stdout)
        path.write_text(good.replace("_f32_nhwc", "_f32_nwhc"), encoding="utf-8")
        self.assertIn(f"{path}:2: column layer", self.tconv("explain", SPELT, "--db", self.folder).stderr)

    def test_merging(self):
        self.tune(SPELT, SMALL, db=self.folder / "one")
        (path,) = (self.folder / "one").glob("*.csv")
        text = path.read_text(encoding="utf-8")
        microarchitecture = self.rows(self.folder / "one")[0]["microarchitecture"]
        here = self.folder / "here.csv"
        there = self.folder / "there.csv"
        here.write_text(text, encoding="utf-8")
        there.write_text(text.replace(f",{microarchitecture},", ",elsewhere,"), encoding="utf-8")
        newer = self.folder / "newer.csv"
        newer.write_text(re.sub(r"\d{4}-\d\d-\d\d", "2999-01-01", text), encoding="utf-8")
        merged = self.folder / "merged"
        run = self.tconv("tune", "--merge", here, there, "--db", merged)
        self.assertEqual(run.stdout, f"{merged / path.name}\n")
        rows = self.rows(merged)
        self.assertEqual([(row["layer"], row["microarchitecture"]) for row in rows],
                         sorted((row["layer"], row["microarchitecture"]) for row in rows))
        self.assertEqual({row["microarchitecture"] for row in rows}, {microarchitecture, "elsewhere"})
        self.tconv("tune", "--merge", newer, here, "--db", merged)
        rows = self.rows(merged)
        self.assertEqual(len(rows), 4)
        for row in rows:
            self.assertEqual(row["date"] == "2999-01-01", row["microarchitecture"] == microarchitecture)

    def test_folders_that_do_not_exist_are_named(self):
        nowhere = self.folder / "nowhere"
        for command in ("explain", "check", "bench"):
            self.complains(command, SMALL, "--db", nowhere, says=f"--db {nowhere}: there is no such folder")
        self.complains("list", "--db", nowhere, says=str(nowhere))
        self.complains("explain", SMALL, "--db", f"{self.folder}:{nowhere}", says=f"--db {nowhere}: there is no")
        self.tune(SPELT, db=nowhere)  # makes it
        self.assertEqual(self.explained(SPELT, "--db", nowhere)["chosen"], "by the tuned row of this layer")

    def test_what_is_no_regular_file_is_refused(self):
        pipe = self.folder / "pipe.csv"
        os.mkfifo(pipe)
        self.complains("tune", "--merge", pipe, "--db", self.folder / "merged", says=f"{pipe}: is no regular file")
        self.complains("tune", SPELT, *QUICK, "--missing", "--db", self.folder, says=f"{pipe}: is no regular file")

    def test_refusals(self):
        wrong = self.folder / "elsewhere" / "wrong.csv"  # of the folder that tune writes into it reads all tables first
        wrong.parent.mkdir()
        self.complains("tune", says="no layer given")
        self.complains("tune", SMALL, "--db", "none", says="tune writes into a folder")
        self.complains("tune", SMALL, "--seconds", "0", "--db", self.folder, says="must be numbers above 0")
        self.complains("tune", SMALL, "--kernel", "nothing", says="matches no kernel")
        self.complains("tune", "--merge", wrong, "--db", self.folder, says=str(wrong))
        self.complains("tune", SMALL, "--merge", wrong, "--db", self.folder, says="--merge takes tables and no layers")
        wrong.write_text("layer\n", encoding="utf-8")
        self.complains("tune", "--merge", wrong, "--db", self.folder, says=f"{wrong}:1: the header is not layer,")
        self.tune(SPELT)
        (path,) = self.folder.glob("*-f32.csv")
        text = path.read_text(encoding="utf-8")
        wrong.write_text(text + text.splitlines()[1].replace(",tconv_f32", ",x,tconv_f32", 1) + "\n", encoding="utf-8")
        self.complains("tune", "--merge", wrong, "--db", self.folder, says=f"{wrong}:3: column block_h")
        self.complains("tune", SMALL, "--dtype", "s8", "--db", self.folder, code=3, says="nothing was tuned")
        path.write_text(text.replace("_s2x2_", "_s2_"), encoding="utf-8")
        self.complains("tune", SMALL, *QUICK, "--db", self.folder, says=f"{path}:2: column layer")
        self.complains("tune", "--layers", SUITE, "--ids", "no_such_layer", "--db", self.folder, says="no such row")

    def test_wrong_results_are_not_timed(self):
        run = self.tconv("tune", SMALL, *QUICK, "--db", self.folder, program="WRONG_TCONV", expect=1)
        self.assertIn("MISS", run.stderr)
        self.assertEqual(list(self.folder.glob("*.csv")), [])

    def test_total_seconds(self):
        document = self.json("tune", "--layers", SUITE, "--tier", "core", "--seconds", "0.05", "--total-seconds", "0.02",
                             "--db", self.folder)
        self.assertEqual(len(document["rows"]), 1)


# In place of tconv: two layers, each tuned with the exit code and, for an R, the results that CODES has for its id.
STANDS_IN = r"""#!/bin/sh
if [ "$1" = list ]; then
    echo '{"layers": [{"id": "one"}, {"id": "two"}]}'
    exit
fi
while [ $# -gt 0 ]; do
    case $1 in
    --ids) id=$2 ;;
    --layout) layout=$2 ;;
    --json) json=$2 ;;
    esac
    shift
done
echo "$id $layout" >> "$LOG"
code=$(printf %s "$CODES" | sed "s/.*$id=\([0-9]R*\).*/\1/")
[ "${code#?}" = "" ] || echo '{"rows": [{"id": "'$id'", "layer": "n1_c1_f32_'$layout'", "kernel": "tconv_f32_gather_avx2",
    "kernel_untuned": "tconv_f32_gather_avx2", "ns": 1.0, "ns_untuned": 2.0, "block_h": 0, "block_w": 0, "units": 0,
    "candidates": []}]}' > "$json"
exit "${code%R}"
"""


class Suite(ToolTest):
    """scripts/tune_suite.sh, whose many processes may end in many ways."""

    def suite(self, codes, expect):
        with tempfile.TemporaryDirectory() as folder:
            program, log = Path(folder) / "bin" / "tconv", Path(folder) / "log"
            program.parent.mkdir()
            program.write_text(STANDS_IN, encoding="utf-8")
            program.chmod(0o755)
            # What an earlier run left behind is no result of this one.
            (Path(folder) / "tuning").mkdir()
            for id in ("one", "two"):
                (Path(folder) / "tuning" / f"{id}.nchw.json").write_text("{}", encoding="utf-8")
            run = subprocess.run([PROJECT / "scripts" / "tune_suite.sh"], capture_output=True, text=True, check=False,
                                 env={**os.environ, "BUILD": folder, "LOG": str(log), "CODES": codes})
            self.assertEqual(run.returncode, expect, run.stdout + run.stderr)
            return log.read_text(encoding="utf-8").split("\n")[:-1], run.stdout

    def test_all_is_well(self):
        ran, said = self.suite("one=0R two=0R", expect=0)
        self.assertEqual(ran, ["one nchw", "one nhwc", "two nchw", "two nhwc"])
        self.assertIn("nchw: 2 layers, tuned 2.000 times", said)

    def test_a_wrong_result_does_not_stop_it_and_is_not_forgotten(self):
        ran, said = self.suite("one=1 two=0R", expect=1)
        self.assertEqual(len(ran), 4)
        self.assertIn("nchw: 1 layers", said)

    def test_a_layer_that_the_options_leave_out_is_passed_over(self):
        ran, said = self.suite("one=2R two=0R", expect=0)
        self.assertEqual(len(ran), 4)
        self.assertIn("nchw: 2 layers", said)

    def test_mistakes_stop_it(self):
        for code in (2, 3):
            self.assertEqual(self.suite(f"one=0R two={code}", expect=code)[0], ["one nchw", "one nhwc", "two nchw"])


COMPILER = Path(os.environ["TCONV"]).with_name("tconv-compiler")
HEADER = "layer,microarchitecture,kernel,block_h,block_w,units,gflops,of_peak,cpu,version,date\n"
# Named for processors with other tables, or for none; compiled here, and not run.
ZEN2, ZEN4 = "x86-64-linux-tune_znver2-sse41-avx-f16c-fma-avx2", "x86-64-linux-avx512_zen4"
HASWELL, PHONE = "x86-64-linux-sse41-avx-f16c-fma-avx2", "arm-64-android"


@unittest.skipUnless(COMPILER.exists(), "[SKIP] this build has no tconv-compiler")
class Compiling(ToolTest):
    """Which table a compiled layer follows. That its results are right whatever it follows: compile.random_layers."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.layer = SMALL.replace("n2_", "n1_", 1)

    def compiled(self, *arguments, **environment):
        """What tconv compile says, with the kernel's name from the header."""
        out = self.folder / "out"
        run = self.tconv("compile", "--layer", self.layer, "--name", "up", "--out", out, *arguments, **environment)
        (header,) = out.glob("up.h")
        return run.stderr, re.search(r'UP_KERNEL "(\w+)"', header.read_text(encoding="utf-8"))[1]

    def table(self, folder, isa, microarchitecture, kernel, cut="0,0,0"):
        folder.mkdir(exist_ok=True)
        path = folder / f"{isa}-f32.csv"
        path.write_text(f'{HEADER}"{self.layer}",{microarchitecture},{kernel},{cut},7.5,0.5,a cpu,0.1.0,2026-11-27\n',
                        encoding="utf-8")
        return path

    def test_this_processor_follows_its_own_tables_in_their_order(self):
        (result,) = self.json("tune", self.layer, *QUICK, "--db", self.folder / "one")["rows"]
        (first,) = (self.folder / "one").glob("*.csv")
        said, kernel = self.compiled("--db", self.folder / "one")
        self.assertEqual(kernel, result["kernel"])
        self.assertIn(f"up: {kernel}, chosen by the tuned row of this layer\n", said)
        self.assertIn(f"  the row of {first}:2, ", said)
        # --db before the user's own folder, and that before what is shipped.
        cache = self.folder / "cache"
        self.json("tune", self.layer, *QUICK, TCONV_CACHE_DIR=str(cache))
        self.assertIn(f"  the row of {first}:2, ", self.compiled("--db", self.folder / "one", TCONV_CACHE_DIR=str(cache))[0])
        self.assertIn(f"  the row of {cache}/tuned/{first.name}:2, ", self.compiled(TCONV_CACHE_DIR=str(cache))[0])
        self.assertIn(f"  the row of {first}:2, ",
                      self.compiled(TCONV_DB=str(self.folder / "one"), TCONV_CACHE_DIR=str(cache))[0])
        for arguments, environment in ((("--db", "none"), {}), ((), {"TCONV_DB": "none"})):
            said, kernel = self.compiled(*arguments, TCONV_CACHE_DIR=str(cache), **environment)
            self.assertEqual(said, f"up: {kernel}, chosen by the cost model\n")

    def test_the_catalogue_and_a_compiled_layer_follow_the_same_row(self):
        found = self.json("tune", self.layer, *QUICK, "--db", self.folder / "one")["rows"][0]
        layer = self.json("explain", self.layer, "--db", self.folder / "one")["layers"][0]
        self.assertEqual((layer["kernel"], self.compiled("--db", self.folder / "one")[1]), (found["kernel"],) * 2)

    def test_a_named_target_follows_the_tables_of_the_processor_that_it_names(self):
        for target, isa, microarchitecture in ((ZEN2, "avx2", "znver2"), (ZEN4, "avx512", "znver4")):
            with self.subTest(target):
                untuned = self.compiled("--target", target, "--db", "none")[1]
                tiles = {"avx2": ("16x6", "8x10"), "avx512": ("64x6", "32x12")}[isa]
                kernels = [f"tconv_f32_phase_channels{tile}_{isa}" for tile in tiles]
                wanted = next(kernel for kernel in kernels if kernel != untuned)
                path = self.table(self.folder / isa, isa, microarchitecture, wanted, "2,0,0")
                said, kernel = self.compiled("--target", target, "--db", path.parent)
                self.assertEqual(kernel, wanted)
                self.assertIn(f"  the row of {path}:2, 7.5 GFLOP/s on a cpu, is followed", said)
                self.table(self.folder / isa, isa, "another", wanted)
                self.assertEqual(self.compiled("--target", target, "--db", path.parent),
                                 (f"up: {untuned}, chosen by the cost model\n", untuned))

    def test_others_follow_none_and_say_so(self):
        for isa in ("avx2", "neon"):
            self.table(self.folder / "db", isa, "generic", f"tconv_f32_phase_channels16x6_{isa}")
        for target in (HASWELL, PHONE):
            said, _ = self.compiled("--target", target, "--db", self.folder / "db")
            self.assertIn(", chosen by the cost model, no tables: the target names no microarchitecture\n", said)
        said, _ = self.compiled("--optimize", "size", "--db", self.folder / "db")
        self.assertIn(", chosen by the cost model, no tables with --optimize size\n", said)

    def test_mistakes_are_named(self):
        self.complains("compile", "--layer", self.layer, "--out", self.folder / "out", "--db", self.folder / "nowhere",
                       says=f"--db {self.folder}/nowhere: there is no such folder")
        self.assertFalse((self.folder / "out").exists())
        path = self.table(self.folder / "db", "avx2", "znver2", "tconv_f32_phase_channels999x9_avx2")
        said, _ = self.compiled("--target", ZEN2, "--db", path.parent)
        self.assertIn(f"{path}:2: the row for tconv_f32_phase_channels999x9_avx2 cannot be followed: ", said)


if __name__ == "__main__":
    unittest.main()
