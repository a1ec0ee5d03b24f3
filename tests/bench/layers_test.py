"""Layers as peers are told them, which peer has no words for which, and the definition that all are held against."""

import sys
import unittest
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "tests" / "golden"))

import reference  # noqa: E402
from definition import TOLERANCE, error_of, forward, random_tensors  # noqa: E402
from layers import SUITE, Layer, Pair, read_layers  # noqa: E402
from limits import CONTESTANTS, ours, reason  # noqa: E402

BY_NAME = {contestant.name: contestant for contestant in CONTESTANTS}


def layer(**fields) -> Layer:
    plain = {"id": "x", "tier": "", "batch": 1, "in_channels": 3, "out_channels": 4, "in_size": Pair(5, 6),
             "kernel": Pair(4, 3), "stride": Pair(2, 2), "dilation": Pair(1, 1), "crop": Pair(1, 0), "size": Pair(10, 13),
             "groups": 1, "bias": True}
    return Layer(**{**plain, **fields})


class Layers(unittest.TestCase):
    def test_all_rows_of_the_suite_have_the_size_that_it_gives(self):
        import csv

        layers = {row.id: row for row in read_layers()}
        with SUITE.open() as file:
            for row in csv.DictReader(file):
                self.assertEqual(layers[row["id"]].size, (int(row["H_out"]), int(row["W_out"])), row["id"])
                self.assertAlmostEqual(layers[row["id"]].flops * 1e-9 / float(row["gflop"]), 1, 4, row["id"])

    def test_ids_and_tiers_that_are_not_there_are_named(self):
        with self.assertRaisesRegex(ValueError, "no row of .* is called nothing, zilch"):
            read_layers(ids=["zilch", "dcgan_g1", "nothing"])
        with self.assertRaisesRegex(ValueError, "'huge' is none of core, main"):
            read_layers(tier="huge")
        self.assertEqual([row.id for row in read_layers(ids=["sam_up1"], tier="core")], ["sam_up1"])

    def test_an_ending_is_a_pad_or_an_output_padding(self):
        cut, extended = layer(), layer(size=Pair(12, 14))
        self.assertEqual((cut.full, cut.trailing, cut.ending), ((12, 13), (1, 0), ((1, 0), (0, 0))))
        self.assertEqual((extended.trailing, extended.ending), ((-1, -1), ((0, 0), (1, 1))))
        self.assertEqual(cut.text("nhwc"), "n1_c3_h5_w6_o4_k4x3_s2x2_p1,0,1,0_op0,0_d1x1_g1_f32_nhwc")
        self.assertTrue(layer(bias=False).text("nchw").endswith("_nchw_nobias"))

    def test_tensorflows_padding(self):
        same = layer(kernel=Pair(5, 3), crop=Pair(1, 0), size=Pair(10, 12))
        self.assertEqual(same.tensorflow_padding, "SAME")
        self.assertEqual(layer(kernel=Pair(2, 2), crop=Pair(0, 0), size=Pair(10, 12)).tensorflow_padding, "SAME")
        self.assertEqual(layer(crop=Pair(0, 0), size=Pair(12, 13)).tensorflow_padding, "VALID")
        self.assertIsNone(layer(crop=Pair(0, 0)).tensorflow_padding)


class Reasons(unittest.TestCase):
    def test_torch_wants_equal_pads_and_an_output_padding_below_the_stride(self):
        for name in ("torch", "torch_channels_last"):
            self.assertIsNone(reason(BY_NAME[name], layer(crop=Pair(1, 1), size=Pair(10, 11))))
            self.assertIsNone(reason(BY_NAME[name], layer(crop=Pair(1, 1), size=Pair(11, 12))))
            self.assertEqual(reason(BY_NAME[name], layer(crop=Pair(1, 0), size=Pair(9, 13))),
                             "pads 1 before and 2 after are no padding with an output_padding of 0 to 1 (axis h)")
            self.assertIn("(axis w)", reason(BY_NAME[name], layer(crop=Pair(1, 2), size=Pair(10, 11))))

    def test_xnnpack_adjusts_below_the_stride_only(self):
        dilated = layer(stride=Pair(1, 1), dilation=Pair(3, 3), crop=Pair(0, 0), size=Pair(15, 12))
        self.assertEqual(dilated.ending[1], (1, 0))
        self.assertEqual(reason(BY_NAME["xnnpack"], dilated), "adjustment 1 is not below the stride (axis h)")
        self.assertIsNone(reason(BY_NAME["xnnpack"], layer()))

    def test_ncnn_has_no_batch(self):
        self.assertEqual(reason(BY_NAME["ncnn"], layer(batch=64)), "ncnn has no batch; this layer's is 64")
        self.assertIsNone(reason(BY_NAME["ncnn"], layer()))

    def test_litert_has_same_and_valid_without_groups_and_dilation(self):
        same = layer(kernel=Pair(5, 3), crop=Pair(1, 0), size=Pair(10, 12))
        self.assertIsNone(reason(BY_NAME["litert"], same))
        self.assertIn("neither SAME nor VALID", reason(BY_NAME["litert"], layer(crop=Pair(0, 0))))
        self.assertIn("has no groups", reason(BY_NAME["litert"], layer(groups=3, in_channels=3, out_channels=3)))
        self.assertIn("has no dilation", reason(BY_NAME["litert"], layer(dilation=Pair(1, 2))))

    def test_the_others_are_asked(self):
        odd = layer(batch=2, groups=3, out_channels=3, dilation=Pair(2, 3), crop=Pair(1, 2), size=Pair(9, 11))
        for name in ("onednn", "onednn_nhwc", "onnxruntime", "openvino", "openvino_nhwc", "mnn"):
            self.assertIsNone(reason(BY_NAME[name], odd), name)
        self.assertIsNone(reason(ours("nchw"), odd))


class Definition(unittest.TestCase):
    def test_it_is_that_of_the_golden_tests(self):
        for case in (layer(), layer(size=Pair(12, 14)), layer(groups=3, out_channels=6, dilation=Pair(2, 3)),
                     layer(groups=3, out_channels=3, stride=Pair(3, 1), kernel=Pair(2, 5), size=Pair(15, 9)),
                     layer(crop=Pair(-2, 3), size=Pair(16, 3)), layer(stride=Pair(5, 7), bias=False, batch=2),
                     layer(in_size=Pair(1, 1), crop=Pair(3, 0), size=Pair(1, 2)), layer(crop=Pair(11, 0), size=Pair(20, 1))):
            x, w, b = random_tensors(case)
            geometry = reference.Geometry(case.crop, case.size, case.stride, case.dilation, case.groups)
            expected = reference.forward(x.astype(float), w.astype(float), None if b is None else b.astype(float), geometry)
            y = forward(case, x, w, b)
            np.testing.assert_allclose(y.transpose(0, 3, 1, 2), expected, rtol=1e-12, atol=1e-12)

    def test_sums_of_bfloat16_are_told_from_those_of_float32(self):
        case = layer(in_channels=256, in_size=Pair(20, 20), size=Pair(40, 40))
        x, w, b = random_tensors(case)
        expected = forward(case, x, w, b)
        self.assertLess(error_of(forward(case, x, w, b).astype(np.float32), expected), TOLERANCE)
        rounded = [(t.view(np.uint32) + 0x8000 & 0xFFFF0000).view(np.float32) for t in (x, w)]
        self.assertGreater(error_of(forward(case, *rounded, b), expected), TOLERANCE)
        self.assertEqual(error_of(np.full_like(expected, np.nan), expected), float("inf"))


if __name__ == "__main__":
    unittest.main()
