#!/usr/bin/env bash
# The rules of CONTRIBUTING.md that a script can check. Prints each violation as FILE:LINE: what; exit 1 if there is any.
# usage: scripts/lint.sh [FOLDER]      default: this project
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$scripts/..}"
failed=0

if [ -e .git ]; then
    files=$(git ls-files --cached --others --exclude-standard --deduplicate)
else
    files=$(find . -path ./build -prune -o -path ./.venv -prune -o -type f -print | sed 's,^\./,,')
fi
files=$(while read -r file; do [ ! -f "$file" ] || echo "$file"; done <<<"$files")
[ -n "$files" ] || { echo "lint: no files here"; exit 1; }

python3 "$scripts/lint_text.py" <<<"$files" || failed=1
python3 "$scripts/lint_separation.py" <<<"$files" || failed=1
python3 "$scripts/lint_headers.py" <<<"$files" || failed=1

if command -v shellcheck >/dev/null; then
    shell=$(while read -r file; do ! head -n 1 "$file" | grep -qaE '^#!.*\b(ba)?sh\b' || echo "$file"; done <<<"$files")
    [ -z "$shell" ] || xargs -d '\n' shellcheck --severity=warning <<<"$shell" || failed=1
else
    echo "[SKIP] no shellcheck: shell scripts are not checked"
fi

[ $failed -ne 0 ] || echo "lint: $(wc -l <<<"$files") files, no violation"
exit $failed
