"""The command line: which commands there are, and how every way to end is told and numbered."""

import gc
import io
import json
import re
import runpy
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from os import O_RDWR, close, devnull, dup2, environ
from os import open as descriptor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nightlatch import __version__
from nightlatch.errors import NightlatchError, UsageError
from nightlatch.util.text import plain

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "Set up": {
        "init": "write what is missing: loop.py, a plan, checks, prompts, loop.toml",
        "doctor": "check everything that could stop the night, and say how to fix it",
        "plan": "have an agent expand a specification into failing features",
        "demo": "run a whole night on a sample project; no account, no network",
    },
    "Work": {
        "run": "work through the plan until nothing is left to run (the default)",
        "brief": "print what the next agent will be told about a feature",
        "check": "judge a commit or your working tree by all rules",
        "ratchet": "check whether a range of commits weakens its tests; for CI and hooks",
        "wake": "continue a session that died, from its last snapshot",
        "verify": "prove again every feature that is marked as passing",
        "pause": "start no new session until you resume the run",
        "resume": "continue a run that is paused or waits for a usage limit",
        "stop": "end the run after the current session",
        "sync": "move your checkout to the tip of the branch",
        "clean": "show, or remove, what old sessions left and nothing needs",
    },
    "Look": {
        "status": "show what passes, what remains, what waits for you",
        "report": "show what landed, what was rejected, what you decide; --html, --md",
        "watch": "watch the run live",
        "log": "list the sessions and how each ended",
        "events": "stream what a session's agent thinks, calls and gets",
        "handoff": "print the restart note of a feature, for a person or an issue",
        "note": "write down, list, show or contradict what was found out",
    },
    "Decide": {
        "answer": "answer the question that an agent asked",
        "approve": (
            "accept it: held work lands, unproved work passes, other features count as done"
        ),
        "refuse": "reject unproved or held work: it is taken back",
        "done": "same as approve",
        "retry": "give a feature fresh attempts",
        "hold": "do not work on a feature until you retry it",
        "skip": "same as hold --for-good",
        "revert": "undo a landed feature with a revert commit",
    },
    "Refer": {
        "config": "print every setting and where it comes from",
        "schema": "print the JSON Schema of the plan",
        "import": "print a plan of any dialect as a canonical prd.json",
        "help": "explain exit codes, plans, agents, the ratchet, recovery",
    },
}
FIRST = (
    "init",
    "doctor",
    "demo",
    "run",
    "status",
    "report",
    "watch",
    "answer",
    "approve",
    "refuse",
    "retry",
)
HELP = ("-h", "--help")
ALL = "--all"
COMPLETE = "_NIGHTLATCH_COMPLETE"
WISHES = ("pause", "resume", "stop")
MADE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What commands find in `ctx.obj`: how the person started the program, the loop that `run`
    runs, and whether help is to name every command."""

    name: str
    loop: Callable[..., int] | None
    every: bool = True


class Commands(click.Group):
    """All commands by name; one is imported only when it is the one to run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        if cmd_name in (*COMMANDS["Decide"], *WISHES):
            command = import_module(
                f"nightlatch.cli.{'control' if cmd_name in WISHES else 'decide'}"
            ).command(cmd_name)
        else:
            command = import_module(
                f"nightlatch.cli.{cmd_name}{'_' * (cmd_name == 'import')}"
            ).command
        return command if isinstance(command, click.Command) else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list["CompletionItem[str]"]:
        """Return the names with what each does, without importing any."""
        from click.shell_completion import CompletionItem

        told = {name: does for section in COMMANDS.values() for name, does in section.items()}
        options = (
            super(click.Group, self).shell_complete(ctx, incomplete)
            if incomplete.startswith("-")
            else []
        )
        return [
            *(
                CompletionItem(name, help=does)
                for name, does in told.items()
                if name.startswith(incomplete)
            ),
            *options,
        ]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.list_commands(ctx):
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            raise click.UsageError(
                f"unknown command {args[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
                ctx,
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands that a first night takes, or all of them."""
        for title, section in COMMANDS.items():
            shown = [
                (name, does) for name, does in section.items() if ctx.obj.every or name in FIRST
            ]
            if shown:
                with formatter.section(title):
                    formatter.write_dl(shown, col_max=12)


def main(argv: Sequence[str] | None = None, *, loop: Callable[..., int] | None = None) -> int:
    """Run one command and return its exit code; without a command, or with an option of `run`
    first, it is `run`."""
    if wanted := environ.get(COMPLETE):
        return complete(wanted)
    # What a record of 10,000 sessions becomes has no cycles: to look for them took a tenth of a
    # report.
    gc.set_threshold(MADE)
    stand_in()
    args = with_command(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        require_linux(args)
        require_folder()
        code = dispatch(args, loop)
        # Here, and not when Python ends: a reader that is gone is an exit code, and no traceback.
        sys.stdout.flush()
    except NightlatchError as error:
        return tell(error, args)
    except click.ClickException as error:
        return tell(usage(error), args)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except PermissionError as error:
        return tell(forbidden(error, args[0]), args)
    except BrokenPipeError:
        # What Python still wants to flush when it ends must not fail once more.
        with Path(devnull).open("wb") as nowhere:
            dup2(nowhere.fileno(), 1)
        return 141
    except Exception as bug:  # noqa: BLE001  # the outermost frame: whatever nobody expected is kept whole and told in a sentence
        return tell(import_module("nightlatch.util.fs").refused(bug) or crash(bug, args[0]), args)
    return code


def with_command(argv: Sequence[str]) -> list[str]:
    """Return the arguments with the command that they leave out: `run`."""
    args = [*argv]
    if not args or (args[0].startswith("-") and args[0] not in (*HELP, "--version")):
        args.insert(0, "run")
    return args


def forbidden(error: PermissionError, command: str) -> NightlatchError:
    """Return what to tell of a file that may not be read or written: one of our own folder has
    another owner, any other is a bug."""
    if ".nightlatch" not in Path(str(error.filename)).parts:
        return crash(error, command)
    from nightlatch.util.fs import not_yours

    return not_yours(error.filename)


def stand_in() -> None:
    """Open /dev/null for a standard stream that was closed, so that no file gets its number and
    what is printed."""
    while (spare := descriptor(devnull, O_RDWR)) < 3:
        pass
    close(spare)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # until this process ends


def require_linux(args: Sequence[str]) -> None:
    """Raise UsageError unless this is Linux, which alone has the sandbox and the process calls that
    a run needs."""
    if sys.platform != "linux" and not {*HELP, "--version"} & {*args}:
        fix = "use Linux, WSL 2 on Windows, or a Linux virtual machine or container on a Mac"
        raise UsageError(f"nightlatch runs only on Linux, and this is {sys.platform}", fix=fix)


def require_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UsageError("the current folder no longer exists", fix="cd to the project") from error


def dispatch(args: list[str], loop: Callable[..., int] | None) -> int:
    """Find the loop where one is needed, then let click find the command."""
    name = import_module("nightlatch.util.command_name").loop_command() if loop else "nightlatch"
    if args[0] in ("run", "wake") and not loop and not {*HELP} & {*args}:
        if theirs := own_loop(Path.cwd()):
            sys.argv[:] = [str(theirs), *args]
            run_theirs(theirs)
            return 0
        loop = import_module("nightlatch.shipped.loop").run
    commands, every = every_command(name), ALL in args
    args = [word for word in args if word != ALL] if args[0] in HELP else args
    with commands.make_context(
        name, args, obj=Program(name=name, loop=loop, every=every)
    ) as context:
        return commands.invoke(context) or 0


def run_theirs(loop: Path) -> None:
    """Run the project's own loop as a program. UsageError where it imports what lies beside it:
    agents' work lands there."""
    try:
        runpy.run_path(str(loop), run_name="__main__")
    except ModuleNotFoundError as missing:
        name = str(missing.name).partition(".")[0]
        if not any((loop.parent / place).exists() for place in (f"{name}.py", name)):
            raise
        problem = f"loop.py imports {name} from the project, where agents can change it"
        raise UsageError(
            problem,
            place=str(loop),
            fix=f"copy what it needs from {name} into loop.py itself, or install {name}",
        ) from missing


def every_command(name: str) -> Commands:
    commands = Commands(
        name=name,
        help=(
            "Coding agents work through your list of features overnight, and nothing that passes"
            " slips back."
        ),
        epilog=(
            f"\b\nExample: {name} run --until 07:00\nWhat a command does: {name} COMMAND"
            f" --help\nEvery command: {name} --help --all"
        ),
        context_settings={"help_option_names": list(HELP)},
    )
    click.version_option(__version__, prog_name="nightlatch")(commands)
    return commands


def complete(wanted: str) -> int:
    """Answer a shell that completes a command line, or give it the script that makes it ask;
    both are click's own."""
    from click.shell_completion import shell_complete

    try:
        return shell_complete(every_command("nightlatch"), {}, "nightlatch", COMPLETE, wanted)
    except click.ClickException:  # a command line that is not one yet has no completions
        return 1


def own_loop(folder: Path) -> Path | None:
    """Return the loop.py of the project that a folder belongs to, where it uses nightlatch and is
    not the program that is running."""
    from nightlatch.project.project import find_project

    project = find_project(folder)
    theirs = project.repo.folder / "loop.py"
    running = getattr(sys.modules["__main__"], "__file__", None)
    if not theirs.is_file() or (running and Path(running).resolve() == theirs.resolve()):
        return None
    if not re.search(
        r"^\s*(from|import)\s+nightlatch\b", theirs.read_text(errors="replace"), re.MULTILINE
    ):
        return None
    for problem in import_module("nightlatch.project.authorship_io").loop(project):
        raise problem
    return theirs


def tell(error: NightlatchError, args: Sequence[str]) -> int:
    """Show an error in the form that was asked for; returns its exit code."""
    options = args[: args.index("--")] if "--" in args else args
    if "--json" in options:
        body = {
            "schema": "nightlatch/error/1",
            "problem": error.problem,
            "place": error.place,
            "fix": error.fix,
            "exit": error.exit,
        }
        text = json.dumps(body)
    else:
        text = "\n".join(plain(line) for line in f"nightlatch: {error}".splitlines())
    with suppress(OSError):  # a terminal that is gone, or a file on the disk that is full
        click.echo(text, err="--json" not in options)
    return error.exit


def usage(error: click.ClickException) -> UsageError:
    """Return click's error as a UsageError."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if not context:
        return UsageError(error.format_message())
    place = context.info_name if context.parent else ""
    return UsageError(
        error.format_message(), place=place or "", fix=f"{context.command_path} --help"
    )


def crash(bug: Exception, command: str) -> NightlatchError:
    """Keep the traceback beside the journal, or show it where there is none to write to, and
    say in one sentence what happened."""
    text, says = (
        hidden(part)
        for part in ("".join(traceback.format_exception(bug)), f"{type(bug).__name__}: {bug}")
    )
    what = f"something unexpected happened: {says}"
    state = next(
        (
            f / ".nightlatch"
            for f in (Path.cwd(), *Path.cwd().parents)
            if (f / ".nightlatch").is_dir()
        ),
        None,
    )
    try:
        if state and command != "ratchet":
            kept = state / f"crash-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.txt"
            import_module("nightlatch.util.fs").write_private(kept, text, errors="backslashreplace")
            return NightlatchError(
                what,
                fix=(
                    f"report it with {kept}; what has landed is safe, and `nightlatch run` goes on"
                    " from there"
                ),
            )
    except OSError as full:
        text += f"{full}\n"
    click.echo(text, err=True)
    return NightlatchError(what, fix="report it with the lines above; what has landed is safe")


def hidden(text: str) -> str:
    """Return the text without secrets, as far as the settings can be read."""
    from nightlatch.project.project import find_project
    from nightlatch.redaction import patterns_io

    try:
        return find_project(Path.cwd()).secrets.hide(text)
    except Exception:  # noqa: BLE001  # it may be the very thing that is being told
        return patterns_io.guard(environ).hide(text)
