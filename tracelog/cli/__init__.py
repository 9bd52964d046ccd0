"""The commands, thin: arguments in, a store asked, an answer shown.

Data goes to stdout, words to stderr. Exit 0 found, 1 nothing found, 2 wrong use or no store, 3 a check
that was asked for failed; each failure is one line.
"""

from __future__ import annotations

import os
import sys

import click

from tracelog.cli import search, services, storing
from tracelog.cli.doctor import doctor
from tracelog.cli.output import FOUND, NOTHING_FOUND, fail
from tracelog.cli.policies import policies
from tracelog.cli.show import show
from tracelog.cli.spool import spool
from tracelog.cli.ui import ui
from tracelog.errors import TracelogError, TraceNotFoundError

INTERRUPTED, PIPE_CLOSED = 130, 141
_COMMANDS = (
    show, search.logs, search.slow, services.ops, services.deps, ui,
    storing.import_files, storing.setup, storing.demo, doctor, spool, policies,
)  # fmt: skip


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="tracelog")
@click.pass_context
def commands(context: click.Context) -> None:
    """From a slow span to the log lines that explain it."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in _COMMANDS:
    commands.add_command(command)


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        return int(commands.main(args=arguments, prog_name="tracelog", standalone_mode=False) or FOUND)
    except TraceNotFoundError as error:
        return fail(str(error), code=NOTHING_FOUND)
    except TracelogError as error:
        return fail(str(error))
    except click.ClickException as error:
        hint = f" (see {error.ctx.command_path} --help)" if isinstance(error, click.UsageError) and error.ctx else ""
        return fail(error.format_message() + hint)
    except (KeyboardInterrupt, click.Abort):
        return fail("interrupted", code=INTERRUPTED)
    except (BrokenPipeError, SystemExit) as end:  # click and rich exit where the reader of a pipe has gone
        if isinstance(end, SystemExit) and not end.code:  # click completed a word for a shell
            return FOUND
        _let_go_of_stdout()
        return PIPE_CLOSED
    except OSError as error:
        if error.filename is None:  # a full disk, a quota: files that commands open have a name
            _let_go_of_stdout()
        return fail(f"{error.filename or 'standard output'}: {error.strerror or error}")


def _let_go_of_stdout() -> None:
    """Let what could not be printed go nowhere, or the interpreter complains at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
