"""The bar: on a terminal only, and never on stdout."""

from __future__ import annotations

import pytest

from tracelog.show.progress import progress_bar


@pytest.mark.parametrize("total", [10, None])
def test_where_there_is_no_terminal_nothing_is_printed(total: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("importing", total) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("count", "shown"), [(False, "100%"), (True, "10/10")])
def test_on_a_terminal_the_bar_is_drawn_on_stderr(
    count: bool, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    with progress_bar("importing", 10, count=count) as advance:
        advance(10)
    out, err = capsys.readouterr()
    assert out == ""
    assert "importing" in err
    assert shown in err
