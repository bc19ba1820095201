"""The command line: turns arguments into a job document, runs it in a child process, tells how it went.

The work is done in a child so that Ctrl-C takes effect at once, also inside compiled code; nothing heavy is
imported here. What each command takes and does stands in `commands.py`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from . import __version__
from .arguments import Command, Group
from .commands import COMMANDS
from .errors import InputError, Rejected, SyntheticCTError
from .jobs import ChildJob
from .jobs.events import Event, error_event
from .jobs.terminal import Display, display_for

_POLL_INTERVAL = 0.05
"""Seconds between two looks at the job, and the longest delay of Ctrl-C."""

_REPEATABLE = {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Environment of a repeatable run: sums over several threads depend on which is first."""

_EPILOG = """\
exit codes: 0 done; 1 unexpected error; 2 input that cannot be used; 3 rejected by the quality gate under
--strict; 130 cancelled. A command that was cancelled or failed leaves nothing behind.
For research, not for diagnosis."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    Args:
        argv: arguments without the program's name; those of the process unless given.
    """
    with _interrupts_noted() as interrupted:
        arguments = _parser().parse_args(argv)
        if not hasattr(arguments, "make_job"):
            arguments.show_help(sys.stderr)
            raise SystemExit(InputError.exit_code)  # as argparse does over any other wrong usage
        display = display_for(arguments.json, sys.stdout, sys.stderr)
        try:
            final = _run(arguments, display, interrupted)
            display.close()
            return _tell(arguments, final)
        except BrokenPipeError:
            # Whoever read our output has gone (`... --json | head`); Python must not complain about it at
            # exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return SyntheticCTError.exit_code


def _run(arguments: argparse.Namespace, display: Display, interrupted: Callable[[], bool]) -> Event:
    """Do the command's job while showing its events; return the last one."""
    try:
        environment = _REPEATABLE if getattr(arguments, "repeatable", False) else {}
        job = ChildJob(arguments.make_job(arguments), environment=environment).start()
    except SyntheticCTError as error:
        final = error_event(error)
        display.show(final)
        return final
    try:
        while not job.finished:
            if interrupted():
                job.cancel()
            for event in job.poll():
                display.show(event)
            display.tick()
            if not job.finished:
                time.sleep(_POLL_INTERVAL)
    finally:
        job.cancel()  # the display may fail; the child goes in any case
    return job.final


def _tell(arguments: argparse.Namespace, final: Event) -> int:
    """Print the summary or the error for a person, and return the exit code."""
    if final["event"] == "result":
        if not arguments.json:
            arguments.summarize(final["result"])
        return Rejected.exit_code if final["result"].get("strictly_rejected") else 0
    if not arguments.json:
        cancelled = getattr(arguments, "cancelled", "Cancelled; nothing was left behind.")
        message = final.get("message", cancelled)
        print(f"synthetic-ct: {message}", file=sys.stderr)
    return final["exit_code"]


@contextmanager
def _interrupts_noted() -> Iterator[Callable[[], bool]]:
    """Note Ctrl-C, a polite end or a closed terminal instead of raising wherever the program is."""
    noted: list[int] = []
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda number, frame: noted.append(number)) for number in numbers}
    try:
        yield lambda: bool(noted)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="synthetic-ct",
        description="CT scans of bodies that do not exist.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_commands(parser, COMMANDS)
    return parser


def _add_commands(parser: argparse.ArgumentParser, commands: Sequence[Command | Group]) -> None:
    """Add commands below a parser; one that is given none of them shows what there is."""
    parser.set_defaults(show_help=parser.print_help)
    below = parser.add_subparsers(title="commands", metavar="COMMAND")
    for one in commands:
        added = below.add_parser(
            one.name,
            help=one.help,
            description=one.help[0].upper() + one.help[1:] + ".",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if isinstance(one, Group):
            _add_commands(added, one.commands)
        else:
            _add_command(added, one)


def _add_command(parser: argparse.ArgumentParser, command: Command) -> None:
    command.add_arguments(parser)
    if command.overwrite:
        parser.add_argument("--overwrite", action="store_true", help=command.overwrite)
    parser.add_argument("--json", action="store_true", help="print progress and result as lines of JSON")
