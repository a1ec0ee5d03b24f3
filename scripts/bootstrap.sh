#!/usr/bin/env bash
# Makes this machine able to build: system packages and the Python environment .venv (Halide, CMake, Ninja).
# usage: scripts/bootstrap.sh [SECTION]...      sections of scripts/apt-packages.txt; [build] is always included, and
#                                               python adds requirements-python.txt and requirements-torch.txt,
#                                               report adds requirements-report.txt, cuda requirements-cuda.txt, and
#                                               peers makes .venv-peers
# As root it installs what is missing; otherwise it prints the one command to run. Run again, it does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

packages_of() { # SECTION -> its packages, one a line
    awk -v section="[$1]" '/^\[/ { inside = $1 == section; found = found || inside; next }
                           inside && NF && $1 !~ /^#/ { print $1 }
                           END { exit !found }' scripts/apt-packages.txt ||
        { echo "bootstrap: scripts/apt-packages.txt has no section [$1]" >&2; exit 2; }
}

install_packages() {
    local wanted missing log
    wanted=$(for section in build "$@"; do packages_of "$section" || exit; done | sort -u)
    if ! command -v dpkg-query >/dev/null; then
        echo "bootstrap: not Debian or Ubuntu; what these packages hold must be there:" "${wanted//$'\n'/ }" >&2
        return
    fi
    missing=$(comm -23 <(echo "$wanted") \
        <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' 2>/dev/null | awk '$2 == "installed" { print $1 }' | sort -u))
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        echo "bootstrap: system packages are missing. Run this, then try again:" >&2
        echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends" "${missing//$'\n'/ }" >&2
        exit 1
    fi
    echo "bootstrap: installing" "${missing//$'\n'/ }"
    log=$(mktemp)
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive xargs apt-get install -qq -y \
        --no-install-recommends <<<"$missing"; } >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
}

make_venv() {
    local python=${PYTHON:-python3} stamp=.venv/stamp key
    "$python" - <<'P' || exit 1
import platform, sys
# The wheels of halide 21.0.0 and numpy 2.4 bound this: CPython 3.11 to 3.13, and on Linux x86-64 only.
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit("bootstrap: Halide and NumPy have no wheel for Python %d.%d; set PYTHON to one of 3.11 to 3.13"
             % sys.version_info[:2])
if platform.machine() != "x86_64":
    sys.exit("bootstrap: Halide has no Linux wheel for %s; build on x86-64 (other machines are targets)"
             % platform.machine())
P
    # The folder is part of the key because a virtual environment does not survive being moved.
    key=$({ echo "$PWD" && "$python" --version && cat requirements.txt; } | sha256sum)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ]; then
        return
    fi
    echo "bootstrap: making .venv from requirements.txt"
    rm -rf .venv
    "$python" -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check --only-binary :all: -r requirements.txt
    echo "$key" >"$stamp"
}

# add_to_venv FILE [PIP OPTION]...: once for each content of FILE; a .venv that is made anew loses it with the rest.
add_to_venv() {
    local file=$1 stamp=.venv/stamp-$1
    shift
    if [ -f "$stamp" ] && cmp -s "$file" "$stamp"; then
        return
    fi
    echo "bootstrap: adding $file to .venv"
    .venv/bin/pip install --quiet --disable-pip-version-check --only-binary :all: "$@" -r "$file"
    cp "$file" "$stamp"
}

# The libraries that bench/peers times have an environment of their own, for what they want is at odds with one another and
# with .venv. One that cannot be had is left out: the race names it and goes on.
make_peers_venv() {
    local python=${PYTHON:-python3} stamp=.venv-peers/stamp key requirement
    local pip="install --quiet --disable-pip-version-check --only-binary :all: --no-deps"
    key=$({ echo "$PWD" && "$python" --version && cat requirements-torch.txt bench/peers/requirements.txt; } | sha256sum)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ]; then
        return
    fi
    echo "bootstrap: making .venv-peers from requirements-torch.txt and bench/peers/requirements.txt (about 7 GB)"
    rm -rf .venv-peers
    "$python" -m venv .venv-peers
    # shellcheck disable=SC2086 # words of $pip
    if ! .venv-peers/bin/pip $pip -r requirements-torch.txt -r bench/peers/requirements.txt; then
        while read -r requirement; do
            .venv-peers/bin/pip $pip "$requirement" || echo "[SKIP] $requirement cannot be installed" >&2
        done < <(grep -hv '^#' requirements-torch.txt bench/peers/requirements.txt)
    fi
    echo "$key" >"$stamp"
}

install_packages "$@"
make_venv
case " $* " in *" python "*)
    add_to_venv requirements-python.txt -c requirements.txt
    [ "${TCONV_TORCH:-1}" = 0 ] || add_to_venv requirements-torch.txt --no-deps ;;
esac
case " $* " in *" report "*) add_to_venv requirements-report.txt -c requirements.txt ;; esac
case " $* " in *" cuda "*) add_to_venv requirements-cuda.txt --no-deps ;; esac
case " $* " in *" peers "*) make_peers_venv ;; esac
