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
from tracelog.cli.output import FOUND, NOTHING_FOUND, WRONG_USE, say
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
        return _fail(str(error), NOTHING_FOUND)
    except TracelogError as error:
        return _fail(str(error), WRONG_USE)
    except click.ClickException as error:
        hint = f" (see {error.ctx.command_path} --help)" if isinstance(error, click.UsageError) and error.ctx else ""
        return _fail(error.format_message() + hint, WRONG_USE)
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", INTERRUPTED)
    except (BrokenPipeError, SystemExit) as end:  # click and rich exit where the reader of a pipe has gone
        if isinstance(end, SystemExit) and not end.code:  # click completed a word for a shell
            return FOUND
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at exit
        return PIPE_CLOSED


def _fail(message: str, code: int) -> int:
    say(f"tracelog: {' '.join(message.split())}")
    return code
