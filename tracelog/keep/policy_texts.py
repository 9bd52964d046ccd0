"""YAML and TOML as plain values that can still say where in the file each of them stands.

YAML through PyYAML, whose nodes know their lines; TOML through tomllib, which forgets them: there the headers of the
tables are found again. JSON is YAML.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tracelog.errors import ConfigurationError, MissingExtraError
from tracelog.keep.policies import shown

Steps = Sequence[str | int]
"""The way to a value within others: the keys of mappings and the positions in lists."""

_TABLE = re.compile(r"^[ \t]*\[\[(?:[^\]\n]*\.)?[ \t]*policies[ \t]*\]\]", re.MULTILINE)
_TOML_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class Written(NamedTuple):
    """What is written, and where: `at` names the place of a value, or else of what it should be in."""

    values: Any
    at: Callable[[Steps], str]


def read_text(path: str) -> Written:
    """Return what a file of YAML, JSON or TOML says. Raise ConfigurationError, MissingExtraError."""
    read = _READERS.get(Path(path).suffix.lower())
    if read is None:
        raise ConfigurationError(f"{path}: not known by its name (expected {', '.join(_READERS)})")
    try:
        return read(path, Path(path).read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {(os.strerror(error.errno) if error.errno else str(error)).lower()}"
        ) from error
    except RecursionError as error:
        raise ConfigurationError(f"{path}: nested too deeply") from error


def _read_yaml(path: str, text: str) -> Written:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"reading {path}", "yaml") from error
    try:
        loader = _strict_loader(yaml)(text)
        root = loader.get_single_node()
        values = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _wrong(path, "YAML", error.problem or error.context, mark.line + 1 if mark else None) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _wrong(path, "YAML", f"the character {chr(error.character)!a}", line) from error
    except ValueError as error:  # a date of month 13, a number of 5,000 digits
        raise _wrong(path, "YAML", error, None) from error
    return Written(values, lambda steps: f"{path}:{1 if root is None else _yaml_line(root, steps)}")


def _strict_loader(yaml: Any) -> Any:
    """Return PyYAML's safe loader, but that a mapping with a key that is there twice is an error, as YAML has it."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            seen = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        problem = f"{key.value} is there twice"
                        raise yaml.composer.ComposerError(problem=problem, problem_mark=key.start_mark)
                    seen.add(key.value)
            return node

    return Loader


def _yaml_line(node: Any, steps: Steps) -> int:
    """Return the line of the node at the end of the way, or of the last one on it that there is."""
    line = node.start_mark.line
    for step in steps:
        if node.id == "sequence":
            node = node.value[step]
            line = node.start_mark.line
            continue
        name = step if isinstance(step, str) else shown(step)
        found = [(key, value) for key, value in node.value if key.value == name]
        if not found:  # missing, or merged from elsewhere
            break
        ((key, node),) = found
        line = key.start_mark.line
    return int(line) + 1


def _read_toml(path: str, text: str) -> Written:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"reading {path}", "yaml") from error
    try:
        values = tomllib.loads(text)
    except ValueError as error:
        found = _TOML_LINE.search(str(error))
        line = None if found is None else int(found[1]) if found[1] else text.count("\n") + 1
        raise _wrong(path, "TOML", _TOML_LINE.sub("", str(error)), line) from error
    lines = [text.count("\n", 0, header.start()) + 1 for header in _TABLE.finditer(text)]
    return Written(values, lambda steps: _toml_place(path, lines, steps))


def _toml_place(path: str, lines: Sequence[int], steps: Steps) -> str:
    position = next((step for step in steps if isinstance(step, int)), None)
    if position is None:
        return path
    return f"{path}:{lines[position]}" if position < len(lines) else f"{path}: policies[{position}]"


def _wrong(path: str, language: str, problem: object, line: int | None) -> ConfigurationError:
    return ConfigurationError(f"{path}{f':{line}' if line else ''}: not {language}: {problem}")


_READERS = {".yaml": _read_yaml, ".yml": _read_yaml, ".json": _read_yaml, ".toml": _read_toml}
