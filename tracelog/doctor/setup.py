"""The user's own configuration: a module that configures logging when it is imported, or a function of it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from tracelog.errors import ConfigurationError


def load_setup(target: str) -> None:
    """Import `MODULE` and call `FUNCTION`, if one is named, with the working directory on `sys.path`.

    target: `MODULE` or `MODULE:FUNCTION`. Raise a ConfigurationError of one line for whatever goes wrong there.
    """
    module_name, _, function_name = target.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = import_module(module_name)
        if function_name:
            getattr(module, function_name)()
    except (Exception, SystemExit) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise ConfigurationError(f"--setup {target} failed: {said}") from error
