"""The tconv command of the wheel: hands over to the program that came with the package."""

import importlib.util
import os
import pathlib
import sys


def main() -> None:
    """Replaces this process by tconv, which finds tconv-compiler on PATH where Halide is installed."""
    folder = pathlib.Path(__file__).parent
    environment = dict(os.environ)
    halide = importlib.util.find_spec("halide")
    if halide is not None and halide.submodule_search_locations:
        for variable, added in (("PATH", folder / "compiler"),
                                ("LD_LIBRARY_PATH", pathlib.Path(halide.submodule_search_locations[0]) / "lib64")):
            environment[variable] = os.pathsep.join(filter(None, (str(added), environment.get(variable))))
    program = folder / "bin" / "tconv"
    if not program.exists():
        sys.exit(f"tconv: {program} is missing. Where this package was built, CLI11, libcsv, libzip, nlohmann-json or\n"
                 "benchmark was not installed, and pip leaves the command out then; or it was not installed by pip at all.")
    os.execve(program, ["tconv", *sys.argv[1:]], environment)
