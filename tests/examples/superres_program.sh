#!/usr/bin/env bash
# The program of examples/superres as its users call it: what it measures, what it writes, what it refuses.
# usage: superres_program.sh PROGRAM PHOTOS PICTURES (absolute paths)
set -euo pipefail
program=$1 photos=$2 pictures=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fail() {
    echo "FAILED: $*"
    exit 1
}
png_size() { # FILE -> "width height", out of the header
    od -An -j16 -N8 -tu1 "$1" | awk '{ print $1*16777216+$2*65536+$3*256+$4, $5*16777216+$6*65536+$7*256+$8 }'
}
expect_size() { # FILE WIDTH HEIGHT
    [ -s "$1" ] || fail "no $1"
    [ "$(png_size "$1")" = "$2 $3" ] || fail "$1 is $(png_size "$1"), not $2 $3"
}

# What it reaches on the two photographs that the network has not seen. The numbers of README.md, within what another
# order of the sums may change; and 0.3 dB is what it has to gain in any case.
"$program" --evaluate --least-gain 0.3 --input "$photos/astronaut.png" --input "$photos/coffee.png" \
    --output compared.png | tee printed
expect_size compared.png $((3 * 480 + 16)) $((480 + 480 + 38))
near() { # NAME BICUBIC FSRCNN
    awk -v name="$1" -v bicubic="$2" -v network="$3" '
        function apart(a, b) { return a > b ? a - b : b - a }
        $1 == name { for (i = 1; i < NF; i++) { if ($i == "bicubic") b = $(i + 1); if ($i == "FSRCNN") n = $(i + 1) } }
        END { exit !(apart(b, bicubic) < 0.015 && apart(n, network) < 0.015 && n - b >= 0.3) }' printed ||
        fail "$1 is not near $2 and $3 dB"
}
near astronaut 27.46 29.25
near coffee 26.84 28.03
for layer in extract shrink map1 map2 map3 map4 expand upscale; do
    grep -Eq "^$layer +[0-9.]+ +[0-9.]+ +[a-z]" printed || fail "no time, GFLOP/s and kernel of $layer"
done
grep -Eq '^this program.* [1-9][0-9]* bytes$' printed || fail "no size of the program"

# Of this project only compiled layers are in it; all names of libtconv begin with tconv.
! nm "$program" | grep -E ' _*tconv' || fail "the program holds more than the compiled layers"

# A gain that no network has.
status=0
"$program" --evaluate --least-gain 9 --input "$photos/coffee.png" >printed 2>&1 || status=$?
[ $status -eq 1 ] || fail "exit status $status instead of 1 for a gain that was not reached"

# A flat picture, which bicubic reproduces exactly: its gain is minus infinity, a failure only where one is asked for.
base64 -d >flat.png <<'PNG'
iVBORw0KGgoAAAANSUhEUgAAAAwAAAAMCAAAAABzHgM7AAAAD0lEQVR42mNoQAIMg4sDAPHXSAEAEKK0AAAAAElFTkSuQmCC
PNG
"$program" --evaluate --input flat.png >printed || fail "exit status $? for a flat picture"
status=0
"$program" --evaluate --least-gain 0 --input flat.png >printed 2>&1 || status=$?
[ $status -eq 1 ] || fail "exit status $status instead of 1 for a flat picture that was to gain"

# Enlarging: a PNG beside the input; a JPEG, whatever it is called.
cp "$pictures/coffee.png" cup.png
"$program" --input cup.png >printed
expect_size cup_x3.png 120 90
cp "$pictures/coffee.jpg" 'with space.dat'
"$program" --upscale --input 'with space.dat' --output from_jpeg.png >printed
expect_size from_jpeg.png 120 90
"$program" --evaluate --input "$pictures/coffee.jpg" | grep -q 'coffee (39 x 30): bicubic' || fail "a JPEG is not evaluated"

# Refused with one line and exit status 2, and nothing is written.
refuse() { # FILE-IT-NAMES ARGUMENT...
    local file=$1 status=0 before message
    shift
    before=$(ls -A)
    message=$("$program" "$@" 2>&1 >/dev/null) || status=$?
    echo "$message"
    [ $status -eq 2 ] || fail "$file: exit status $status instead of 2"
    [[ $message == "superres: $file: "* && $message != *$'\n'* ]] || fail "$file: not one line that names it"
    [ "$(ls -A)" = "$before" ] || fail "$file: left a file behind"
}
echo 'this is text' >text.png
head -c 700 "$pictures/coffee.jpg" >cut.jpg
head -c 700 "$pictures/coffee.png" >cut.png
: >empty.png
mkdir folder.png
for mode in --upscale --evaluate; do
    for input in text.png cut.jpg cut.png empty.png folder.png missing.png; do
        refuse $input $mode --input $input --output out.png
    done
    for output in folder.png missing/out.png; do
        refuse $output $mode --input "$pictures/coffee.png" --output $output
    done
done
echo 'all as expected'
