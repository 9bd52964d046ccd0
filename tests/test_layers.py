"""Who may know whom: the imports of the package, read from its source, against the arrows that DESIGN.md allows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "tracelog"
FOUNDATION = {"errors", "ids", "model", "resource"}
WRITING, READING = {"capture", "keep", "ship"}, {"read", "show"}
OUTSIDE = {"configuration", "cli", "doctor", "demo", "testing"}
ALLOWED_OUTSIDE = {("__init__", "configuration"), ("__main__", "cli"), ("cli", "demo"), ("cli", "doctor")}
EXTENDING = {"capture/request_spans.py", "capture/span_events.py", "keep/spans.py", "ship/exporter.py"}
"""Where a class must extend one of the SDK's."""
HOMES = {
    "elasticsearch": {"store/elasticsearch.py"},
    "elastic_transport": {"store/elasticsearch.py"},
    "rich": {"show"},
    "opentelemetry.sdk": {*EXTENDING, "configuration.py (late)", "demo", "testing"},
}


class Import(NamedTuple):
    """An import: where it stands, and what it asks for. `late`: within a function; `typing`: for type checkers only."""

    path: str
    target: str
    late: bool
    typing: bool

    @property
    def room(self) -> str:
        return self.path.partition("/")[0].removesuffix(".py")

    def __str__(self) -> str:
        return f"{self.path} imports {self.target}"


def imports_of(package: Path) -> Iterator[Import]:
    for file in sorted(package.rglob("*.py")):
        path = file.relative_to(package)
        pending: list[tuple[ast.AST, bool, bool]] = [(ast.parse(file.read_text(encoding="utf-8")), False, False)]
        while pending:
            node, late, typing = pending.pop()
            late |= isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for target in targets(node, ("tracelog", *path.parent.parts)):
                yield Import(path.as_posix(), target, late, typing)
            guarded = node.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) else []
            pending += [(child, late, typing or child in guarded) for child in ast.iter_child_nodes(node)]


def targets(node: ast.AST, package: tuple[str, ...]) -> list[str]:
    """Return the dotted names that a statement imports, each with what is taken from it."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
        module = ".".join(part for part in (base, node.module) if part)
        return [f"{module}.{alias.name}" for alias in node.names]
    return []


def is_forbidden(found: Import) -> bool:
    owner, _, rest = found.target.partition(".")
    if owner != "tracelog":
        homes = next((homes for name, homes in HOMES.items() if f"{found.target}.".startswith(f"{name}.")), None)
        late = f"{found.path} (late)" if found.late else found.path
        return homes is not None and not found.typing and not homes & {found.path, found.room, late}
    target = rest.partition(".")[0]
    if found.room in FOUNDATION:
        return True
    if target in OUTSIDE:
        return found.room != target and (found.room, target) not in ALLOWED_OUTSIDE
    return any(found.room in here and target in there for here, there in ((WRITING, READING), (READING, WRITING)))


def test_the_package_has_only_the_arrows_that_the_design_allows() -> None:
    found = list(imports_of(PACKAGE))
    assert len(found) > 100
    assert [str(each) for each in found if is_forbidden(each)] == []


def test_the_model_needs_msgspec_and_the_standard_library_alone() -> None:
    needed = {each.target.partition(".")[0] for each in imports_of(PACKAGE) if each.path == "model.py"}
    assert needed == {"__future__", "collections", "functools", "operator", "re", "typing", "msgspec"}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("model.py", "from tracelog.schema import times"),
        ("ids.py", "import tracelog.errors"),
        ("errors.py", "def f():\n    from tracelog import ids"),
        ("resource.py", "from . import ids"),
        ("capture/stdlib.py", "from tracelog.read.tree import build_trace"),
        ("ship/sender.py", "from tracelog.show.progress import progress_bar"),
        ("keep/buffer.py", "def f():\n    import tracelog.show"),
        ("ship/imports.py", "from ..show import progress"),
        ("read/tree.py", "from tracelog.capture import record"),
        ("show/console.py", "from tracelog import ship"),
        ("show/text.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tracelog.keep import policies"),
        ("store/base.py", "from tracelog.configuration import configure"),
        ("show/ui.py", "async def f():\n    from tracelog.cli import run"),
        ("read/tree.py", "class A:\n    def f(self):\n        import tracelog.demo.shop"),
        ("configuration.py", "import tracelog.doctor"),
        ("demo/shop.py", "from tracelog import cli"),
        ("store/elastic/queries.py", "import elasticsearch"),
        ("schema/otel.py", "from elastic_transport import ApiError"),
        ("cli.py", "def f():\n    from rich.console import Console"),
        ("store/base.py", "import opentelemetry.sdk.trace"),
        ("configuration.py", "from opentelemetry.sdk.trace import TracerProvider"),
        ("capture/stdlib.py", "def f():\n    from opentelemetry import sdk"),
    ],
)
def test_a_forbidden_arrow_is_found(path: str, source: str, tmp_path: Path) -> None:
    file = tmp_path / "tracelog" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    assert [is_forbidden(each) for each in imports_of(tmp_path / "tracelog")].count(True) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (
            "__init__.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tracelog.configuration import configure",
        ),
        ("__main__.py", "from tracelog.cli import run"),
        ("store/base.py", "def f():\n    from tracelog.read.tree import build_trace"),
        ("show/progress.py", "from rich.console import Console"),
        ("configuration.py", "def f():\n    from opentelemetry.sdk.trace import TracerProvider"),
        (
            "capture/spans.py",
            "import typing\nif typing.TYPE_CHECKING:\n    from opentelemetry.sdk.trace import ReadableSpan",
        ),
        ("store/elasticsearch.py", "from tracelog.store.elastic import queries\nimport elasticsearch"),
        ("schema/ecs.py", "import richness\nimport opentelemetry.trace"),
    ],
)
def test_an_allowed_arrow_is_not_found(path: str, source: str, tmp_path: Path) -> None:
    file = tmp_path / "tracelog" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    assert [str(each) for each in imports_of(tmp_path / "tracelog") if is_forbidden(each)] == []
