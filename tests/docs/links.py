"""Every relative link of the project's Markdown files leads to a file, and to a heading of it where it names one.

usage: links.py PROJECT
"""

import re
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")


def markdown_files(project):
    if (project / ".git").exists():
        listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=project,
                                capture_output=True, text=True, check=True).stdout.splitlines()
        return [project / name for name in listed if (project / name).is_file()]
    return [path for path in project.rglob("*.md") if path.relative_to(project).parts[0] not in ("build", ".venv")]


def without_code(text):
    """Fenced, indented and inline code is not Markdown: links in it are none."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    text = re.sub(r"^ {4}.*$", "", text, flags=re.M)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path):
    """What GitHub makes of the headings: lower case, blanks to hyphens, other punctuation dropped."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    headings = re.findall(r"^#+ +(.*?) *$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def main():
    project = Path(sys.argv[1]).resolve()
    links = broken = 0
    for path in markdown_files(project):
        for target in LINK.findall(without_code(path.read_text(encoding="utf-8"))):
            if re.match(r"[a-z]+:", target):
                continue
            links += 1
            name, _, anchor = target.partition("#")
            file = (path.parent / name).resolve() if name else path
            if not file.exists():
                print(f"{path.relative_to(project)}: no such file: {target}")
                broken += 1
            elif anchor and anchor not in anchors(file):
                print(f"{path.relative_to(project)}: no such heading: {target}")
                broken += 1
    print(f"{links} relative links, {broken} broken")
    return broken > 0 or links == 0


if __name__ == "__main__":
    sys.exit(main())
