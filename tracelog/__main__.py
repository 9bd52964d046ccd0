"""The command `tracelog`, also `python -m tracelog`."""

from __future__ import annotations

import gc
import sys

_OBJECTS = 50_000


def main() -> int:
    """Run the command line, or say which extra it lacks.

    What a command makes lives until it ends, and goes with the process: it is seldom looked through for garbage, and
    not at the end.
    """
    gc.set_threshold(_OBJECTS)
    try:
        from tracelog.cli import run

        return run()
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.stderr.write("tracelog: the command line needs the extra 'cli': pip install 'tracelog[cli]'\n")
        return 2
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(main())
