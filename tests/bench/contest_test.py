"""A race of tconv and a peer that is the definition: what is recorded, and that who misbehaves costs one result only."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import jsonschema

import race
from contest import FEWEST_ROUNDS, MOST_SECONDS, Contest, Entrant, rounds_for
from layers import read_layers
from limits import Contestant, ours
from worker import Worker, WorkerFailed

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
PEER = Contestant("definition", "definition_of_it", "nhwc")
SMALL = ["onnx_dilations", "mp_hair_up1", "sfm_disp_upconv7"]


def peer(misbehave: str = "") -> Worker:
    path = os.pathsep.join([str(HERE), str(PROJECT / "bench" / "peers")])
    return Worker([sys.executable, "-B", PROJECT / "bench/peers/serve.py", PEER.adapter, 1],
                  {"PYTHONPATH": path, "MISBEHAVE": misbehave, "OMP_NUM_THREADS": "1"})


def tconv(threads: int = 1) -> Worker:
    return Worker([os.environ["PEER_TCONV"], threads])


# tconv's program behind one that ends when it is asked for rates for the nth time.
ENDS_AT_RATES = """
import subprocess, sys
program = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
left = int(sys.argv[1])
for line in sys.stdin.buffer:
    left -= b'"rates"' in line
    if left == 0:
        program.kill()
        sys.exit("the clock broke")
    program.stdin.write(line)
    program.stdin.flush()
    sys.stdout.buffer.write(program.stdout.readline())
    sys.stdout.buffer.flush()
program.kill()
"""


class ContestTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def race(self, layer, *entrants, threads=1):
        for _, worker in entrants:
            self.addCleanup(worker.stop)
        return Contest(list(entrants), self.folder, threads, seconds=0.01, rounds=2).race(layer)


class Races(ContestTest):
    def test_rows_are_what_the_schema_says(self):
        schema = json.loads((PROJECT / "docs/schemas/peers.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        options = argparse.Namespace(machine="", out=self.folder, threads=1, seconds=0.01, rounds=2, add=False,
                                     layers=PROJECT / "bench/shapes/layers.csv")
        about = [{"name": name, "layout": "nchw", "note": "", "version": "0.1.0", "missing": None}
                 for name in ("tconv_nchw", "tconv_nhwc", "definition")]
        files = {layout: race.result_file(layout, options, about) for layout in ("nchw", "nhwc")}
        contestants = [(ours("nchw"), tconv()), (ours("nhwc"), tconv()), (PEER, peer())]
        for layer in reversed(read_layers(ids=SMALL)):
            result, rates = self.race(layer, *contestants)
            for layout, file in files.items():
                row = race.row_of(layer, layout, result, rates)
                file.add(row, result[ours(layout).name].detail)
                self.assertEqual(row["best_peer"], "definition")
                self.assertEqual(row["tconv"]["status"], "timed", row)
                self.assertIn(f"_f32_{layout}", row["layer"])
        for layout, file in files.items():
            document = json.loads((self.folder / f"peers-{layout}-1.json").read_text())
            jsonschema.validate(document, schema, jsonschema.Draft202012Validator)
            self.assertEqual([row["id"] for row in document["rows"]], [row.id for row in read_layers(ids=SMALL)])
            self.assertNotEqual(document["cpu"], "unknown")
            self.assertIn("geometric mean of 3 layers", file.summary())

    def test_rows_of_other_layers_are_kept_if_asked(self):
        options = argparse.Namespace(machine="", out=self.folder, threads=1, seconds=0.01, rounds=2, add=True,
                                     layers=PROJECT / "bench/shapes/layers.csv")
        about = [{"name": "tconv_nchw", "version": "0.1.0"}]
        for name in ("sam_up1", "dcgan_g1"):
            file = race.result_file("nchw", options, about)
            file.add({"id": name}, {})
        self.assertEqual([row["id"] for row in json.loads(file.path.read_text())["rows"]], ["dcgan_g1", "sam_up1"])

    def test_both_run_on_two_threads(self):
        result, _ = self.race(read_layers(ids=SMALL)[0], (ours("nchw"), tconv(2)), (PEER, peer()), threads=2)
        self.assertEqual({entrant.status for entrant in result.values()}, {"timed"})

    def test_committed_results_are_what_the_schema_says(self):
        schema = json.loads((PROJECT / "docs/schemas/peers.json").read_text())
        paths = [*(PROJECT / "bench/results").glob("*-peers-*.json"), *(HERE / "data").glob("*-peers-*.json")]
        self.assertTrue(paths)
        for path in paths:
            with self.subTest(path.name):
                jsonschema.validate(json.loads(path.read_text()), schema, jsonschema.Draft202012Validator)


class Misbehaviour(ContestTest):
    def test_it_costs_the_peer_its_result_and_nobody_elses(self):
        layer = read_layers(ids=["mp_hair_up1"])[0]
        for how, status, says in (("refuse", "skipped", "^it does not like this one$"),
                                  ("crash", "failed", "ended by SIGSEGV: .*about to crash"),
                                  ("crash later", "failed", "ended by SIGKILL"),
                                  ("raise", "failed", "exit code 1: RuntimeError: a bug of its own"),
                                  ("wrong", "wrong", "off by .* of the largest output, more than 0.0001")):
            with self.subTest(how):
                result, rates = self.race(layer, (ours("nhwc"), tconv()), (PEER, peer(how)))
                self.assertEqual(result["definition"].status, status)
                self.assertRegex(result["definition"].reason, says)
                row = race.row_of(layer, "nhwc", result, rates)
                self.assertEqual(row["tconv"]["status"], "timed")
                self.assertEqual((row["best_peer"], row["speedup"]), (None, None))

    def test_rates_that_fail_cost_tconv_its_result_and_not_the_race(self):
        layer = read_layers(ids=["mp_hair_up1"])[0]
        for nth in (1, 2):  # before the rounds, and after them
            with self.subTest(nth):
                broken = Worker([sys.executable, "-c", ENDS_AT_RATES, nth, os.environ["PEER_TCONV"], 1])
                result, rates = self.race(layer, (ours("nhwc"), broken), (PEER, peer()))
                self.assertEqual(result["definition"].status, "timed")
                row = race.row_of(layer, "nhwc", result, rates)
                self.assertEqual(row["tconv"]["status"], "failed")
                self.assertRegex(row["tconv"]["reason"], "^while rates were measured: .*exit code 1: the clock broke")
                self.assertEqual((row["best_peer"], row["speedup"]), ("definition", None))

    def test_a_process_that_ended_is_started_again(self):
        worker = peer("crash")
        self.addCleanup(worker.stop)
        layer = read_layers(ids=["mp_hair_up1"])[0]
        for _ in range(2):
            result, _ = self.race(layer, (PEER, worker))
            self.assertRegex(result["definition"].reason, "SIGSEGV")
        self.assertEqual(worker.ask(60, op="hello"), {"version": "1.0"})

    def test_who_says_nothing_is_stopped(self):
        worker = Worker([sys.executable, "-c", "import time; time.sleep(600)"])
        with self.assertRaisesRegex(WorkerFailed, "no answer within 0 s"):
            worker.ask(0.2, op="hello")
        self.assertIsNone(worker.process)
        with self.assertRaisesRegex(WorkerFailed, "answered no JSON: b'hello"):
            Worker(["/bin/sh", "-c", "read line; echo hello; read line"]).ask(60, op="hello")

    def test_a_layer_that_cannot_be_said_is_not_asked(self):
        never = Worker(["/nowhere"])
        result, _ = self.race(read_layers(ids=["dcgan_g4_b64"])[0], (Contestant("ncnn", "ncnn_net", "nchw"), never))
        self.assertEqual(result["ncnn"].result(),
                         {"status": "skipped", "reason": "ncnn has no batch; this layer's is 64"})


class Command(unittest.TestCase):
    def race(self, *arguments: str, expect: int) -> str:
        program = PROJECT / "bench" / "peers" / "race.py"
        build = Path(os.environ["PEER_TCONV"]).parents[1]
        run = subprocess.run([sys.executable, "-B", program, "--build", build, *arguments], capture_output=True, text=True,
                             check=False)
        self.assertEqual(run.returncode, expect, run.stderr)
        return run.stderr

    def test_mistakes_are_named(self):
        self.assertIn("no row of", self.race("--ids", "nothing", expect=1))
        self.assertIn("'nchw8' is neither nchw nor nhwc", self.race("--layout", "nchw8", expect=2))
        self.assertIn("'caffe' is none of torch,", self.race("--peers", "caffe", expect=2))
        self.assertRegex(self.race("--threads", "99999", expect=1), "but [0-9]+ processors may be used")
        self.assertIn("must be above 0", self.race("--rounds", "0", expect=2))

    def test_a_peer_that_is_not_installed_is_named(self):
        listed = self.race("--list", "--peers", "ncnn", expect=0)  # which the environment of the tests has not
        self.assertIn("tconv_nhwc 0.", listed)
        self.assertIn("[SKIP] ncnn: ended with exit code 1: ModuleNotFoundError: No module named 'ncnn'", listed)


class Turns(unittest.TestCase):
    def test_long_runs_take_part_in_fewer_rounds(self):
        self.assertEqual([rounds_for(ns, 8) for ns in (1, 1e6, MOST_SECONDS * 1e9 / 4, MOST_SECONDS * 1e9, 1e12)],
                         [8, 8, 4, FEWEST_ROUNDS, 1])

    def test_figures_are_of_all_samples(self):
        entrant = Entrant(PEER, None, status="timed", max_err=0.0, samples=[float(n) for n in range(11)])
        result = entrant.result()
        self.assertEqual((result["ns_p10"], result["ns_median"], result["ns_p90"], result["samples"]), (1, 5, 9, 11))


if __name__ == "__main__":
    unittest.main()
