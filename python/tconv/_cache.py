"""Where measurements of this user's machine are kept."""

import os
import pathlib


def folder() -> pathlib.Path:
    """``TCONV_CACHE_DIR``, else ``tconv`` in the user's cache folder."""
    if own := os.environ.get("TCONV_CACHE_DIR"):
        return pathlib.Path(own)
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tconv"


def follow_tables() -> None:
    """Lets plans follow what ``tconv tune`` wrote for this user, unless the environment has its own ``TCONV_DB``."""
    try:
        os.environ.setdefault("TCONV_DB", str(folder() / "tuned"))
    except RuntimeError:  # no home
        pass
