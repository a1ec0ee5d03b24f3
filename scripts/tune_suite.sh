#!/bin/sh
# Tunes the layers of bench/shapes/layers.csv, in both layouts, into schedules/tuned, by short processes one after
# the other, and says what that gained and where the cost model was wrong. Run on an idle machine; what is there already
# is measured anew.
#
# A wrong result of a kernel does not stop it: it goes on, and ends with exit code 1. Any other failure stops it.
#
# usage: tune_suite.sh [option of tconv tune]...       for example --dtype f16
#   BUILD     the build folder (build/release)
#   TIER      only the layers of this tier (all)
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
listed=$("$tconv" list --layers "$suite" ${TIER:+--tier "$TIER"} --json -)
# Lines of so many ids, with commas.
ids=$(printf %s "$listed" | python3 -c '
import json, sys
ids, most = [layer["id"] for layer in json.load(sys.stdin)["layers"]], int(sys.argv[1])
print("\n".join(",".join(ids[i:i + most]) for i in range(0, len(ids), most)))' "${LAYERS_A_PROCESS:-1}")
status=0
for some in $ids; do
    for layout in nchw nhwc; do
        json=$results/${some%%,*}.$layout.json
        rm -f "$json"
        code=0
        ${MEASURE:-} "$tconv" tune --layers "$suite" --ids "$some" --layout "$layout" \
            --seconds "${SECONDS_A_LAYER:-4}" --db "${DB:-schedules/tuned}" --json "$json" "$@" || code=$?
        case $code in
        0) ;;
        1) status=1 ;;
        2) # Where the options leave no kernel for a layer there is a result, without rows; of a mistake there is none.
            [ -e "$json" ] || exit 2 ;;
        *) exit "$code" ;;
        esac
    done
done
python3 scripts/tuning_gain.py "$results"/*.json
exit "$status"
