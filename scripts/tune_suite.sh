#!/bin/sh
# Tunes the layers of bench/shapes/layers.csv, in both layouts, into schedules/tuned, by short processes one after
# the other, and says what that gained and where the cost model was wrong. Run on an idle machine; what is there already
# is measured anew.
#
# usage: tune_suite.sh [option of tconv tune]...       for example --dtype f16 --tier core
#   BUILD     the build folder (build/release)
#   MEASURE   a command to put before each process, such as "taskset -c 1"
#   SECONDS_A_LAYER  (4)
#   LAYERS_A_PROCESS (1)
#   DB        the folder of the tables (schedules/tuned)
#   RESULTS   where the figures of every candidate go (BUILD/tuning)
set -eu

cd "$(dirname "$0")/.."
build=${BUILD:-build/release}
results=${RESULTS:-$build/tuning}
suite=bench/shapes/layers.csv
tconv=$build/bin/tconv

mkdir -p "$results"
# Lines of so many ids, with commas.
ids=$("$tconv" list --layers "$suite" --json - | python3 -c '
import json, sys
ids, most = [layer["id"] for layer in json.load(sys.stdin)["layers"]], int(sys.argv[1])
print("\n".join(",".join(ids[i:i + most]) for i in range(0, len(ids), most)))' "${LAYERS_A_PROCESS:-1}")
for some in $ids; do
    for layout in nchw nhwc; do
        # Exit code 2: no kernel here computes the layer, or an option left it out.
        ${MEASURE:-} "$tconv" tune --layers "$suite" --ids "$some" --layout "$layout" \
            --seconds "${SECONDS_A_LAYER:-4}" --db "${DB:-schedules/tuned}" \
            --json "$results/${some%%,*}.$layout.json" "$@" || [ $? -eq 2 ]
    done
done
python3 scripts/tuning_gain.py "$results"/*.json
