"""The page and the pictures about a small recorded race."""

import contextlib
import html.parser
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
RECORDED = HERE / "data" / "small-peers-nhwc-1.json"
sys.path.insert(0, str(PROJECT / "bench" / "report"))

try:
    import charts
    import report
except ModuleNotFoundError as missing:
    print(f"[SKIP] {missing}: scripts/bootstrap.sh report installs it")
    sys.exit(0)


class Balanced(html.parser.HTMLParser):
    """Collects what is referred to, and fails where tags do not match."""

    SINGLE = {"meta", "br", "link", "img"}

    def __init__(self):
        super().__init__()
        self.open, self.references, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.references += [value for name, value in attributes if name in ("src", "href", "xlink:href")]
        if tag not in self.SINGLE:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.references += [value for name, value in attributes if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]} at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


class Report(unittest.TestCase):
    def setUp(self):
        self.document = json.loads(RECORDED.read_text())
        self.race = report.race_of(self.document, RECORDED.stem)

    def test_losses_come_first_and_means_are_there(self):
        ratios = [row["speedup"] for row in self.race["rows"]]
        self.assertEqual(ratios, sorted(ratios))
        self.assertEqual([value for value, _ in self.race["behind"]], [ratio for ratio in ratios if ratio < 0.97])
        self.assertEqual(self.race["count"], len(ratios))
        torch = next(peer for peer in self.race["peers"] if peer["name"] == "torch")
        self.assertGreater(torch["mean"], self.race["mean"])

    def test_the_page_stands_alone(self):
        page = report.page([self.race])
        parser = Balanced()
        parser.feed(page)
        self.assertEqual(parser.open, [])
        outside = [reference for reference in parser.references if not reference.startswith("#")]
        self.assertEqual(outside, [])
        text = "".join(parser.text)
        for row in self.document["rows"]:
            self.assertIn(row["id"], text)
        for peer, status, reason, _ in self.race["reasons"]:
            self.assertIn(reason, text, (peer, status))
        self.assertIn(f"{self.race['mean']:.2f}", text)

    def test_what_was_not_timed_is_listed_once_for_each_reason(self):
        untimed = [(row["id"], peer) for row in self.document["rows"] for peer, result in row["peers"].items()
                   if result["status"] != "timed"]
        self.assertEqual(sum(len(layers) for *_, layers in self.race["reasons"]), len(untimed))
        keys = [entry[:3] for entry in self.race["reasons"]]
        self.assertEqual(len(keys), len(set(keys)))

    def test_the_command_writes_page_and_pictures(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            arguments = ["report", "--out", f"{folder}/page/index.html", "--pictures", f"{folder}/pictures", str(RECORDED)]
            with mock.patch.object(sys, "argv", arguments):
                report.main()
            self.assertIn("</html>", Path(folder, "page/index.html").read_text())
            for name in (RECORDED.stem, f"{RECORDED.stem}-roofline"):
                self.assertTrue(Path(folder, f"pictures/{name}.png").read_bytes().startswith(b"\x89PNG"))

    def test_a_race_without_a_single_ratio_has_a_page(self):
        for row in self.document["rows"]:
            row["peers"], row["best_peer"], row["speedup"] = {}, None, None
        race = report.race_of(self.document, "alone")
        self.assertEqual((race["mean"], race["count"]), (None, 0))
        self.assertIn("Without a ratio", report.page([race]))

    def test_pictures_are_the_same_each_time(self):
        self.assertEqual(charts.svg(charts.ratios(self.document)), charts.svg(charts.ratios(self.document)))

    def test_races_are_in_order(self):
        names = ["a-b-peers-nchw-1", "a-b-peers-nhwc-1", "a-b-peers-nchw-2", "a-b-peers-nchw-16", "c-peers-nchw-1"]
        self.assertEqual([path.stem for path in sorted((Path(f"{name}.json") for name in reversed(names)),
                                                       key=report.in_order)], names)

    def test_times_and_shades(self):
        self.assertEqual([report.time_text(ns) for ns in (12.3, 4567, 8.9e6, 1.23e9, 4.5e9)],
                         ["12.3 ns", "4.57 us", "8.9 ms", "1.23 s", "4.5 s"])
        self.assertEqual([report.shade(ratio) for ratio in (None, 0.5, 0.98, 1.02, 1.5, 2.5)],
                         ["none", "behind", "even", "even", "ahead", "far"])


if __name__ == "__main__":
    unittest.main()
