"""The command `tracelog`, also `python -m tracelog`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line, or say which extra it lacks."""
    try:
        from tracelog.cli import run

        return run()
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.stderr.write("tracelog: the command line needs the extra 'cli': pip install 'tracelog[cli]'\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
