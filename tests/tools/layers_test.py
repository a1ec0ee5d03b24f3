"""Tables of layers: all rows of the suite, aliases and optional columns, and what is said about mistakes."""

import csv
import math
import tempfile
import unittest
from pathlib import Path

from running import PROJECT, SUITE, SMALL, ToolTest

COLUMNS = ("id,N,C_in,H_in,W_in,C_out,kH,kW,stride_h,stride_w,pad_top,pad_left,pad_bottom,pad_right,out_pad_h,"
           "out_pad_w,dil_h,dil_w,groups")
ROW = "a,1,2,3,5,4,4,4,2,2,1,1,1,1,0,0,1,1,1"


def text_of(row):
    """The layer text of a row of the suite, written from interface and table alone."""
    activation = row["activation"] if row["norm"] in ("none", "bn") else "none"
    suffix = {"none": "", "leaky": "_leaky_relu0.01", "clip01": "_clip0,1"}.get(activation, "_" + activation)
    return ("n{N}_c{C_in}_h{H_in}_w{W_in}_o{C_out}_k{kH}x{kW}_s{stride_h}x{stride_w}"
            "_p{pad_top},{pad_left},{pad_bottom},{pad_right}_op{out_pad_h},{out_pad_w}_d{dil_h}x{dil_w}_g{groups}"
            "_f32_nchw".format(**row) + suffix + ("" if row["bias"] == "1" else "_nobias"))


class Suite(ToolTest):
    def test_every_row_makes_the_layer_that_it_describes(self):
        with SUITE.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        layers = self.json("list", "--layers", SUITE)["layers"]
        self.assertEqual(len(rows), 90)
        self.assertEqual([layer["id"] for layer in layers], [row["id"] for row in rows])
        for row, layer in zip(rows, layers):
            with self.subTest(row["id"]):
                self.assertEqual(layer["layer"], text_of(row))
                self.assertEqual((layer["out_h"], layer["out_w"]), (int(row["H_out"]), int(row["W_out"])))
                self.assertEqual((layer["tier"], layer["norm"]), (row["tier"], row["norm"]))
                self.assertTrue(math.isclose(layer["gflop"], float(row["gflop"]), rel_tol=1e-5))
                fused = row["norm"] in ("none", "bn") or row["activation"] == "none"
                self.assertEqual(layer["note"] == "", fused, layer["note"])

    def test_texts_round_trip(self):
        texts = [layer["layer"] for layer in self.json("list", "--layers", SUITE)["layers"]]
        arguments = [argument for text in texts for argument in ("--layer", text)]
        self.assertEqual([layer["layer"] for layer in self.json("list", *arguments)["layers"]], texts)

    def test_tier_and_ids(self):
        self.assertEqual(len(self.json("list", "--layers", SUITE, "--tier", "core")["layers"]), 24)
        chosen = self.json("list", "--layers", SUITE, "--ids", "pangu_surface,dcgan_g1")["layers"]
        self.assertEqual([layer["id"] for layer in chosen], ["dcgan_g1", "pangu_surface"])
        chosen = self.json("list", "--layers", SUITE, "--ids", "dcgan_g1", "--ids", "onnx_dilations")["layers"]
        self.assertEqual([layer["id"] for layer in chosen], ["dcgan_g1", "onnx_dilations"])

    def test_layout_and_dtype_override(self):
        layer = self.json("list", "--layer", SMALL, "--layout", "nhwc", "--dtype", "f16")["layers"][0]
        self.assertEqual(layer["layer"], SMALL.replace("f32_nchw", "f16_nhwc"))


class Tables(ToolTest):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name) / "some layers.csv"

    def table(self, columns, *rows):
        self.path.write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
        return self.path

    def layers(self, columns, *rows):
        return [layer["layer"] for layer in self.json("list", "--layers", self.table(columns, *rows))["layers"]]

    def rejects(self, columns, *rows, says):
        self.complains("list", "--layers", self.table(columns, *rows), says=says)

    def test_columns_in_any_order_and_unknown_ones(self):
        swapped = ",".join(reversed(COLUMNS.split(","))) + ",colour"
        self.assertEqual(self.layers(swapped, ",".join(reversed(ROW.split(","))) + ',"green, or blue"'),
                         self.layers(COLUMNS, ROW))

    def test_carriage_returns_quotes_and_byte_order_mark(self):
        plain = self.layers(COLUMNS, ROW)
        self.path.write_bytes(b"\xef\xbb\xbf" + f'{COLUMNS},notes\r\n{ROW},"two\r\nlines"\r\n\r\n'.encode())
        self.assertEqual([layer["layer"] for layer in self.json("list", "--layers", self.path)["layers"]], plain)

    def test_optional_columns(self):
        columns = COLUMNS + ",bias,activation,norm,residual,act_alpha,act_beta,layout"
        for cells, end in {
            "1,none,none,,,,": "_nchw",
            ",,,,,,": "_nchw",
            "0,leaky,none,,,,nhwc": "_nhwc_leaky_relu0.01_nobias",
            "1,leaky,bn,,0.2,,": "_nchw_leaky_relu0.2",
            "1,leaky_relu,,before,0.125,,": "_nchw_leaky_relu0.125_resbefore",
            "1,clip01,none,after,,,": "_nchw_clip0,1_resafter",
            "1,clip,none,,0,6,": "_nchw_clip0,6",
            "1,elu,none,,,,": "_nchw_elu1",
            "1,prelu,none,,,,": "_nchw_prelu",
            "1,gelu_tanh,none,,,,": "_nchw_gelu_tanh",
            "1,softmax,none,,,,": "_nchw_softmax",
            "1,softmax_last,none,,,,": "_nchw_softmax_last",
            "1,relu,in,,,,": "_nchw",
            "1,none,in,,,,": "_nchw",
        }.items():
            with self.subTest(cells):
                self.assertEqual(self.layers(columns, ROW + "," + cells)[0].split("_f32")[1], end)

    def test_a_left_out_activation_is_said(self):
        path = self.table(COLUMNS + ",activation,norm", ROW + ",gelu,ln")
        self.assertIn("a: activation gelu left out: norm ln stands before it",
                      self.tconv("list", "--layers", path).stdout)

    def test_mistakes_name_file_line_column_and_value(self):
        where = "some layers.csv:3: "
        for columns, row, says in [
            (COLUMNS, "b,1,2x,3,5,4,4,4,2,2,1,1,1,1,0,0,1,1,1", "column C_in: '2x' is not an integer"),
            (COLUMNS, "b,1,,3,5,4,4,4,2,2,1,1,1,1,0,0,1,1,1", "column C_in: '' is not an integer"),
            (COLUMNS, "b,1,99999999999,3,5,4,4,4,2,2,1,1,1,1,0,0,1,1,1", "column C_in: '99999999999' is not"),
            (COLUMNS, "b,1,2,3,5,4,4,4,0,2,1,1,1,1,0,0,1,1,1", "stride_h"),
            (COLUMNS, "b,1,2,3,5,4,4,4,2,2,9,9,9,9,0,0,1,1,1", "layer b: "),
            (COLUMNS, "a,1,2,3,5,4,4,4,2,2,1,1,1,1,0,0,1,1,1", "column id: 'a' was already used"),
            (COLUMNS, ",1,2,3,5,4,4,4,2,2,1,1,1,1,0,0,1,1,1", "column id: '' is empty"),
            (COLUMNS, "b,1,2,3,5,4,4,4", "8 fields, but the first line names 19 columns"),
            (COLUMNS + ",H_out", ROW.replace("a", "b", 1) + ",7", "column H_out: '7' disagrees"),
            (COLUMNS + ",W_out", ROW.replace("a", "b", 1) + ",11", "which give 10"),
            (COLUMNS + ",activation", ROW.replace("a", "b", 1) + ",rleu", "column activation: 'rleu' is none of"),
            (COLUMNS + ",activation,norm", ROW.replace("a", "b", 1) + ",rleu,in", "column activation: 'rleu'"),
            (COLUMNS + ",activation,act_alpha", ROW.replace("a", "b", 1) + ",leaky,0.1x", "column act_alpha: '0.1x'"),
            (COLUMNS + ",activation,act_alpha", ROW.replace("a", "b", 1) + ",relu,0.1", "does not go with"),
            (COLUMNS + ",activation,act_alpha", ROW.replace("a", "b", 1) + ",none,x", "does not go with the activation 'none'"),
            (COLUMNS + ",act_beta", ROW.replace("a", "b", 1) + ",1", "column act_beta"),
            (COLUMNS + ",activation", ROW.replace("a", "b", 1) + ",clip", "column act_alpha"),
            (COLUMNS + ",layout", ROW.replace("a", "b", 1) + ",chwn", "column layout: 'chwn' is none of nchw, nhwc"),
            (COLUMNS + ",dtype", ROW.replace("a", "b", 1) + ",f33", "column dtype: 'f33'"),
            (COLUMNS + ",residual", ROW.replace("a", "b", 1) + ",both", "column residual: 'both'"),
            (COLUMNS + ",bias", ROW.replace("a", "b", 1) + ",2", "column bias: '2'"),
        ]:
            with self.subTest(says):
                good = ROW
                for column in columns.split(",")[19:]:
                    good += {"H_out": ",6", "W_out": ",10", "bias": ",1", "activation": ",leaky"}.get(column, ",")
                self.rejects(columns, good, row, says=[where, says])

    def test_lines_are_counted_through_quoted_line_ends(self):
        self.rejects(COLUMNS + ",notes", ROW + ',"one\ntwo"', ROW.replace("3", "x") + ",", says="layers.csv:4: column H_in")

    def test_broken_files(self):
        self.rejects(COLUMNS.replace("stride_h,", ""), ROW[:-2], says="csv:1: the first line lacks these columns: stride_h")
        self.rejects(COLUMNS, says="no layer")
        self.rejects(COLUMNS + ",kH", ROW + ",4", says="two columns are named 'kH'")
        self.rejects(COLUMNS, ROW.replace("a", 'a"b'), says="csv:2: ")
        self.rejects(COLUMNS + ",notes", ROW + ',"never closed', says="csv:3: ")
        self.path.write_text("", encoding="utf-8")
        self.complains("list", "--layers", self.path, says="is empty")
        self.complains("list", "--layers", self.folder.name, says="cannot be read")
        self.complains("list", "--layers", self.path.with_name("none.csv"),
                       says=["none.csv: cannot be read", "No such file"])

    def test_unknown_selections(self):
        self.complains("check", "--layers", SUITE, "--ids", "dcgan_g4", says=["--ids dcgan_g4", "dcgan_g1"])
        self.complains("check", "--layers", SUITE, "--tier", "corr", says="no row of")
        self.complains("check", SMALL, "--ids", "dcgan_g1", says="--layers CSV")
        self.complains("check", SMALL, "--layout", "chwn", says="--layout chwn: is none of nchw, nhwc")
        self.complains("check", SMALL, "--dtype", "f31", says="--dtype f31")
        self.complains("check", says="no layer given")


class Copies(unittest.TestCase):
    def test_the_documented_columns_are_those_that_are_read(self):
        text = (PROJECT / "docs" / "tool.md").read_text(encoding="utf-8")
        for column in COLUMNS.split(",") + "bias activation norm tier H_out W_out layout dtype residual".split():
            self.assertIn(column, text)


if __name__ == "__main__":
    unittest.main()
