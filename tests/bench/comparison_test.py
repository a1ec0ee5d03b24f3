"""Who is best on a layer, by how much, and over all layers."""

import unittest

from comparison import best_peer, geometric_mean, losses, mean_speedup, roof, speedup


def timed(ns: float) -> dict:
    return {"status": "timed", "ns_median": ns}


def row(ours: float | None, **peers: float | None) -> dict:
    skipped = {"status": "skipped", "reason": "it cannot"}
    return {"id": f"of {ours}", "tconv": skipped if ours is None else timed(ours),
            "peers": {name: skipped if ns is None else timed(ns) for name, ns in peers.items()}}


class Comparison(unittest.TestCase):
    def test_the_fastest_peer_counts_whoever_it_is(self):
        self.assertEqual(best_peer(row(10, a=30, b=20, c=None)), ("b", 20))
        self.assertEqual(speedup(row(10, a=30, b=20, c=None)), 2)
        self.assertEqual(speedup(row(10, a=30, b=20), "a"), 3)

    def test_without_a_time_there_is_no_ratio(self):
        for without in (row(None, a=30), row(10, a=None), row(10)):
            self.assertIsNone(speedup(without))
        self.assertIsNone(speedup(row(10, a=30), "b"))
        self.assertIsNone(speedup(row(10, a=30, b=None), "b"))

    def test_means_are_geometric_and_count_their_layers(self):
        rows = [row(10, a=20, b=80), row(10, a=80), row(None, a=10), row(10, a=None)]
        mean, count = mean_speedup(rows)
        self.assertAlmostEqual(mean, 4)
        self.assertEqual(count, 2)
        self.assertEqual(mean_speedup([row(10, a=40)]), (4.0, 1))
        self.assertEqual(mean_speedup(rows, "b")[1], 1)
        self.assertEqual(mean_speedup(rows, "c"), (None, 0))
        self.assertIsNone(geometric_mean([]))

    def test_losses_come_worst_first(self):
        rows = [row(8, a=7), row(8, a=20), row(8, a=4), row(8, a=7.9)]
        self.assertEqual([value for value, _ in losses(rows)], [0.5, 0.875, 0.9875])
        self.assertEqual([value for value, _ in losses(rows, 0.97)], [0.5, 0.875])

    def test_the_lower_roof_is_the_longer_time(self):
        rates = {"fma_gflops": 100.0, "copy_gbs": 10.0, "bytes": 5000.0}
        self.assertEqual(roof(1e6, rates)["roof"], "compute")
        self.assertEqual(roof(1e6, rates)["ns_roof"], 11000)
        self.assertEqual(roof(1e3, rates)["roof"], "bandwidth")
        self.assertEqual(roof(1e3, rates)["ns_roof"], 1500)


if __name__ == "__main__":
    unittest.main()
