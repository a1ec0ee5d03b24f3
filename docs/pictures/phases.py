"""Draws phases.svg: how a layer with kernel 4, stride 2 and padding 1 falls apart into four dense phases.

    python3 docs/pictures/phases.py > docs/pictures/phases.svg

Which cell belongs to which phase is computed, not drawn by hand: output o has phase (o + CROP) mod STRIDE and reads
the taps k with k mod STRIDE equal to it. The test docs.pictures compares the committed file with what this prints.
"""

import sys

IN, KERNEL, STRIDE, CROP = 3, 4, 2, 1
OUT = STRIDE * (IN - 1) + KERNEL - 2 * CROP
CELL = 26

# Four colours that people with any of the common colour blindnesses can tell apart (Okabe and Ito).
PHASE = {(0, 0): "#0072b2", (0, 1): "#e69f00", (1, 0): "#009e73", (1, 1): "#cc79a7"}
INPUT, ZERO, INK, FAINT, MARK = "#444444", "#f2f2f2", "#222222", "#b8b8b8", "#d55e00"

drawn = []


def rectangle(x, y, width, height, fill="none", stroke=FAINT, line=1.0):
    drawn.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="{stroke}" '
                 f'stroke-width="{line}"/>')


def text(x, y, words, size=13, anchor="middle", fill=INK, weight="normal"):
    drawn.append(f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{fill}" '
                 f'font-weight="{weight}">{words}</text>')


def arrow(x, y, length):
    drawn.append(f'<path d="M{x} {y} h{length - 9} m0 -6 l9 6 l-9 6 z" fill="{INK}" stroke="{INK}" '
                 f'stroke-width="2"/>')


def grid(x, y, rows, columns, colour_of, cell=CELL, label_of=lambda row, column: ""):
    for row in range(rows):
        for column in range(columns):
            fill = colour_of(row, column)
            rectangle(x + column * cell, y + row * cell, cell, cell, fill)
            label = label_of(row, column)
            if label:
                text(x + column * cell + cell / 2, y + row * cell + cell / 2 + 4, label, 11,
                     fill=FAINT if fill == ZERO else "#ffffff")


def zero_inserted(x, y):
    border = KERNEL - 1 - CROP
    size = STRIDE * (IN - 1) + 1 + 2 * border

    def inside(position):
        return (position - border) % STRIDE == 0 and 0 <= position - border < STRIDE * IN

    def name(row, column):
        if not (inside(row) and inside(column)):
            return "0"
        return "abcdefghi"[(row - border) // STRIDE * IN + (column - border) // STRIDE]

    grid(x, y, size, size, lambda row, column: INPUT if name(row, column) != "0" else ZERO, label_of=name)
    # The window of output (2, 2): KERNEL cells from that position on, of which every STRIDE-th holds a value.
    at = 2
    rectangle(x + at * CELL, y + at * CELL, KERNEL * CELL, KERNEL * CELL, stroke=MARK, line=3)
    return size * CELL


def kernel(x, y):
    # Read from the far corner, as a convolution over the zero-inserted input does.
    def tap(position):
        return KERNEL - 1 - position

    grid(x, y, KERNEL, KERNEL, lambda row, column: PHASE[tap(row) % STRIDE, tap(column) % STRIDE],
         label_of=lambda row, column: f"{tap(row)},{tap(column)}")


def phases(x, y, pitch):
    small = 17
    for number, ((row_phase, column_phase), colour) in enumerate(PHASE.items()):
        top = y + number * pitch
        taps = KERNEL // STRIDE
        grid(x, top + small // 2, taps, taps, lambda row, column, fill=colour: fill, small)
        text(x + 2 * small + 17, top + 2 * small - 4, "*", 20)
        grid(x + 4 * small, top, IN, IN, lambda row, column: INPUT, small)
        text(x + 7 * small + 17, top + 2 * small - 5, "=", 18)
        grid(x + 9 * small, top, IN, IN, lambda row, column, fill=colour: fill, small)
        text(x + 13 * small - 6, top + 2 * small - 4, f"phase {row_phase},{column_phase}", 12, "start")


def output(x, y):
    def phase(row, column):
        return (row + CROP) % STRIDE, (column + CROP) % STRIDE

    grid(x, y, OUT, OUT, lambda row, column: PHASE[phase(row, column)])
    rectangle(x + 2 * CELL, y + 2 * CELL, CELL, CELL, stroke=MARK, line=3)


def main():
    width, height, middle = 1024, 368, 205
    text(127, 32, "what it means", 15, weight="bold")
    text(127, 52, "the input with zeros inserted,", 13)
    text(127, 69, "12 of 16 products are with zero", 13)
    side = zero_inserted(10, middle - 9 * CELL / 2)
    text(127, middle + side / 2 + 30, "one output: a 4 x 4 window", 13, fill=MARK)

    arrow(260, middle, 36)
    text(362, 69, "taps ky,kx", 13)
    kernel(310, middle - KERNEL * CELL / 2)
    arrow(430, middle, 36)

    text(620, 32, "what is computed", 15, weight="bold")
    text(620, 52, "four dense convolutions with 2 x 2 taps each", 13)
    phases(482, 82, 66)

    arrow(762, middle, 36)
    text(898, 32, "where it goes", 15, weight="bold")
    text(898, 52, "each phase is stored with stride 2", 13)
    output(820, middle - OUT * CELL / 2)

    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
          f'font-family="Helvetica, Arial, sans-serif" role="img">')
    print("<title>A transposed convolution with a 4 x 4 kernel and stride 2 as four dense phases</title>")
    print(f'<rect width="{width}" height="{height}" fill="#ffffff"/>')
    print("\n".join(drawn))
    print("</svg>")


if __name__ == "__main__":
    sys.exit(main())
