"""Runs the tconv command and looks at what it says. TCONV names the program."""

import json
import os
import subprocess
import unittest
from pathlib import Path

import jsonschema  # pinned in requirements.txt: scripts/bootstrap.sh installs it

PROJECT = Path(__file__).resolve().parents[2]
SUITE = PROJECT / "bench" / "shapes" / "layers.csv"
SMALL = "n2_c3_h7_w5_o4_k4x4_s2x2_p1,1,1,1_op0,0_d1x1_g1_f32_nchw"


class ToolTest(unittest.TestCase):
    def tconv(self, *arguments, program="TCONV", expect=0, **environment):
        """The finished run, after its exit code was checked."""
        # Neither what the caller set nor what somebody tuned here.
        set_here = ("TCONV_ISA", "TCONV_NUM_THREADS", "TCONV_DB")
        clean = {name: value for name, value in os.environ.items() if name not in set_here}
        clean["TCONV_CACHE_DIR"] = os.devnull
        run = subprocess.run([os.environ[program], *map(str, arguments)], capture_output=True, text=True, errors="replace",
                             check=False, env={**clean, **environment}, stdin=subprocess.DEVNULL)
        self.assertEqual(run.returncode, expect, f"tconv {' '.join(map(str, arguments))}\n{run.stdout}{run.stderr}")
        return run

    def json(self, *arguments, **keywords):
        run = self.tconv(*arguments, "--json", "-", **keywords)
        return json.loads(run.stdout)

    def validate(self, document):
        """The document, which keeps to the schema of its command."""
        schema = json.loads((PROJECT / "docs" / "schemas" / f"{document['command']}.json").read_text(encoding="utf-8"))
        validator = jsonschema.Draft202012Validator(schema)
        validator.check_schema(schema)
        errors = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(document)]
        self.assertEqual(errors, [])
        return document

    def complains(self, *arguments, says, code=2, **environment):
        """It stops with this code, says each of these on standard error, and prints no result."""
        run = self.tconv(*arguments, expect=code, **environment)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, run.stderr)
        self.assertEqual(run.stdout, "")
