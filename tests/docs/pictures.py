"""A picture that a script draws is committed as the script draws it.

usage: pictures.py PROJECT
"""

import subprocess
import sys
from pathlib import Path


def main():
    folder = Path(sys.argv[1]) / "docs/pictures"
    scripts = sorted(folder.glob("*.py"))
    stale = 0
    for script in scripts:
        drawn = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
        if drawn != script.with_suffix(".svg").read_text(encoding="utf-8"):
            print(f"docs/pictures/{script.stem}.svg is not what {script.name} draws")
            stale += 1
    print(f"{len(scripts)} pictures, {stale} stale")
    return stale > 0 or not scripts


if __name__ == "__main__":
    sys.exit(main())
