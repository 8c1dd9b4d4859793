"""Runs suites, checks and verify commands in rooms, and reads what they leave behind."""

import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import Event

from nightlatch import data
from nightlatch.agents.credentials_io import opened, read_inside
from nightlatch.data import RUNNERS
from nightlatch.errors import FaultError
from nightlatch.redaction.patterns import NO_SECRETS, Secrets
from nightlatch.sandbox.base import Sandbox, SandboxSpec
from nightlatch.sandbox.process import supervisor
from nightlatch.sandbox.process.supervisor import CommandResult, ended
from nightlatch.suite.report_formats import read_report
from nightlatch.suite.results import (
    Check,
    CheckStatus,
    Report,
    Result,
    SuiteResult,
    VerifyResult,
    merge,
    weigh,
)
from nightlatch.suite.runner_detection import Runner, parse
from nightlatch.util.globs import matcher
from nightlatch.util.paths import INSIDE

# A framework comes before what it is built on: a project of vitest has signs of node as well.
ORDER = (
    "pytest",
    "unittest",
    "vitest",
    "jest",
    "mocha",
    "bun",
    "node",
    "go",
    "cargo",
    "maven",
    "gradle",
    "dotnet",
    "rspec",
    "minitest",
    "pest",
    "phpunit",
    "mix",
    "swift",
    "ctest",
    "bats",
)
PYTHONS = 'for p in {} python3; do command -v "$p" && exec "$p" "$@"; done; exit 127'
# Workspaces of npm keep programs in the node_modules of a folder above.
UPWARDS = 'for d in {}; do [ -x "$d/$0" ] && exec "$d/$0" "$@"; done; exec "$0" "$@"'
# How sh and bash say that a command is not there.
MISSING = re.compile(
    r"([^\s:'\"]+)['\"]?: (?:command )?not found|([^\s:'\"]+)['\"]?: No such file or directory"
)
OWN_PLACES = (".venv/bin", "venv/bin", "node_modules/.bin")
# Bytes: a report comes from code that nobody vouches for, and is read into memory.
MOST_BYTES = 64_000_000
# Files that a check leaves for the person and the judge: some pictures, not a disk full.
MOST_KEPT = 20
LARGEST_KEPT = 5_000_000
KINDS = {".xml": "junit", ".tap": "tap", ".trx": "trx"}
SKIPS = 77  # the code by which automake and others say that a test was skipped
ABSENT = frozenset({126, 127})  # how a shell says: not executable, not found


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRunner:
    """What commands are run with: a sandbox, seconds after which a command is a fault, and what
    is hidden in all that they say.

    Once `stop` is set, everything that runs is ended.
    """

    sandbox: Sandbox
    timeout: float
    secrets: Secrets = NO_SECRETS
    stop: Event = field(default_factory=Event)

    def run(self, room: SandboxSpec, argv: Sequence[str]) -> CommandResult:
        """Run a command in a room, with secrets hidden in what it prints."""
        ran = supervisor.run(self.sandbox.command(room, argv), timeout=self.timeout, stop=self.stop)
        return replace(ran, output=self.secrets.hide_bytes(ran.output))

    def report(self, file: Path) -> bytes | None:
        """Return what a command left in a file."""
        data = bounded(file)
        return None if data is None else self.secrets.hide_bytes(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDir:
    """A room with a folder of its own for reports, which no later command shares."""

    room: SandboxSpec
    folder: Path
    seen: str
    runners: str


@cache
def shipped() -> tuple[Runner, ...]:
    """Return the runners that come with the package, in the order in which they are looked for."""
    return tuple(parse(data.text("suite/runners", f"{name}.toml")) for name in ORDER)


@contextmanager
def desk(
    hands: CommandRunner, room: SandboxSpec, env: Mapping[str, str] | None = None
) -> Iterator[ReportDir]:
    """The room with NIGHTLATCH_REPORTS in it.

    Its folder lies in the workspace's, and goes with that where the loop is killed.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(dir=room.home.parent, prefix="desk-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "reports").mkdir()
        wide = replace(
            room,
            readable=(*room.readable, (RUNNERS, Path(INSIDE, "runners"))),
            writable=(*room.writable, (folder, Path(INSIDE, "desk"))),
        )
        seen = str(hands.sandbox.inside(wide, folder))
        own = {"NIGHTLATCH_REPORTS": f"{seen}/reports", "PATH": own_path(hands, wide)}
        wide = replace(wide, env={**wide.env, **(env or {}), **own})
        yield ReportDir(
            room=wide, folder=folder, seen=seen, runners=str(hands.sandbox.inside(wide, RUNNERS))
        )


def own_path(hands: CommandRunner, room: SandboxSpec) -> str:
    """PATH with the project's own environments first, so that every command finds what the
    suite finds.

    They are the base's: what a candidate brings along in these places never lies in a checkout that
    decides.
    """
    project = hands.sandbox.inside(room, room.tree / room.cwd)
    return ":".join(
        (*(f"{project}/{place}" for place in OWN_PLACES), room.env.get("PATH", os.defpath))
    )


def run_suite(
    hands: CommandRunner,
    room: SandboxSpec,
    runner: Runner,
    python: str,
    only: Collection[str] = (),
    *,
    up: int = 0,
) -> SuiteResult:
    """Return the suite by id, or only some ids and files of it where the runner can; then others
    may be among the results. A list keeps order.

    Programs in node_modules are also looked for in so many folders above: workspaces keep them
    there.
    """
    names = only if isinstance(only, list) else sorted(only)
    with desk(hands, room, runner.run.env) as place:
        (place.folder / "only").write_text(
            "".join(f"{name}\n" for name in names), encoding="utf-8", errors="surrogateescape"
        )
        report = place.folder / "report"
        began = time.time()
        ran = hands.run(place.room, suite_command(runner, place, python, only, up))
        root = str(hands.sandbox.inside(place.room, room.tree / room.cwd))
        tail = text(ran.output) or text((hands.report(report) or b"")[-20_000:])
        if answered(ran) is CheckStatus.FAULT:
            return SuiteResult(
                answer=CheckStatus.FAULT,
                tail=f"{tail}\n{ended(ran)}",
                absent=ran.exit in ABSENT,
            )
        if runner.output.report == "folder":
            left = read_folder(hands, place.folder / "reports", root)
            built = (
                read_built(hands, room, runner.output.reports, began, root)
                if runner.output.reports
                else None
            )
            return of_folder(
                joined(left, built), ran.exit or 0, tail, known=bool(runner.files.tests)
            )
        data = hands.report(report)
        found = read_report(runner.output.report, data, root) if data is not None else None
        return weigh(found, ran.exit or 0, tail, empty=runner.output.empty)


def suite_command(
    runner: Runner, place: ReportDir, python: str, only: Collection[str], up: int
) -> list[str]:
    """Return the command line of a suite, with what it needs of a shell around it."""
    argv = arguments(runner, place, python, only)
    if up and argv[0].startswith("node_modules/"):
        argv = ["sh", "-c", UPWARDS.format(" ".join(above(up))), *argv]
    if runner.output.stdout:
        argv = ["sh", "-c", 'exec "$@" >"$0" 2>&1', f"{place.seen}/report", *argv]
    return argv


def above(up: int) -> list[str]:
    """Return the folder itself and so many above it, as one goes up from it."""
    return [".", *("/".join([".."] * (n + 1)) for n in range(up))]


def arguments(
    runner: Runner, place: ReportDir, python: str, only: Iterable[str], plain: Sequence[str] = ()
) -> list[str]:
    """Return the runner's command line, or another one for it, with what it stands for filled
    in."""
    names = sorted({name.split("::", 1)[-1] for name in only})
    lists = {
        "{files}": sorted({name.split("::", 1)[0] for name in only}),
        "{names}": names,
        "{ids}": sorted(only),
    }
    words = {
        "{python}": python,
        "{runners}": place.runners,
        "{report}": f"{place.seen}/report",
        "{reports}": f"{place.seen}/reports",
        "{only}": f"{place.seen}/only",
        "{pattern}": "|".join(dict.fromkeys(re.escape(name.split("/", 1)[0]) for name in names)),
    }
    command = plain or (runner.run.again if names and runner.run.again else runner.run.command)
    return [
        filled(word, words)
        for part in command
        if part != "{options}"
        for word in lists.get(part, [part])
    ]


def filled(word: str, words: Mapping[str, str]) -> str:
    """Return a word with what stands in braces filled in, as far as it is known."""
    return re.sub(r"\{\w+\}", lambda found: words.get(found[0], found[0]), word)


def of_folder(
    ids: Mapping[str, Result] | None, exit_code: int, tail: str, *, known: bool = False
) -> SuiteResult:
    """Return the results of a command that leaves its reports in a folder: by id where there are
    some, by exit code elsewhere.

    `known`: a runner that writes reports wherever it comes to its tests, so that without any there
    were none, or they could not be built.
    """
    if ids is None and known:
        return (
            SuiteResult(answer=CheckStatus.GREEN, tail=tail)
            if exit_code == 0
            else weigh(None, exit_code, tail)
        )
    if ids is None:
        return SuiteResult(
            answer=CheckStatus.GREEN if exit_code == 0 else CheckStatus.RED, by_id=False, tail=tail
        )
    return weigh(Report(ids=ids), exit_code, tail)


def joined(*found: Mapping[str, Result] | None) -> dict[str, Result] | None:
    """Return the ids of several reports as one; None where there is no report."""
    there = [ids for ids in found if ids is not None]
    return merge(pair for ids in there for pair in ids.items()) if there else None


def read_folder(hands: CommandRunner, folder: Path, root: str = "") -> dict[str, Result] | None:
    """Return the ids of every report that a command left; None where there is none."""
    files = (
        (folder / name, KINDS[Path(name).suffix])
        for name in names_in(folder)
        if Path(name).suffix in KINDS
    )
    found = (
        read_report(kind, hands.report(file) or b"", file.stem if kind == "tap" else root)
        for file, kind in files
    )
    return joined(*(report.ids for report in found if report))


def read_built(
    hands: CommandRunner, room: SandboxSpec, patterns: Iterable[str], since: float, root: str
) -> dict[str, Result] | None:
    """Return the ids of reports that a build left in the tree, those aside that lay there before: a
    candidate may bring some along."""
    wanted, top = matcher(patterns), room.tree / room.cwd
    found: list[Mapping[str, Result]] = []
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in (".git", "node_modules")]
        below = os.path.relpath(folder, top)
        for name in (os.path.normpath(f"{below}/{name}") for name in sorted(names)):
            fresh = wanted(name) and (top / name).lstat().st_ctime > since
            report = (
                read_report(
                    "junit",
                    hands.secrets.hide_bytes(read_inside(top, name, MOST_BYTES) or b""),
                    root,
                )
                if fresh
                else None
            )
            found += [report.ids] if report else []
    return joined(*found)


def names_in(folder: Path) -> list[str]:
    """Return what a command left in its folder for reports; nothing where it put something else in
    that folder's place."""
    try:
        with ExitStack() as stack:
            return sorted(os.listdir(opened(stack, folder, os.O_DIRECTORY | os.O_NOFOLLOW)))  # noqa: PTH208  # never through a link
    except OSError:
        return []


def run_check(
    hands: CommandRunner,
    room: SandboxSpec,
    name: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    keep: Path | None = None,
) -> Check:
    """Run one executable of checks/, or one gate of the plan; pictures, HTML and texts that it
    leaves are kept in `keep`."""
    with desk(hands, room, env) as place:
        ran = hands.run(place.room, argv)
        answer = (
            CheckStatus.SKIP
            if ran.exit == SKIPS and not (ran.timed_out or ran.crowded)
            else answered(ran)
        )
        tail = text(ran.output) + (f"\n{ended(ran)}" if answer is CheckStatus.FAULT else "")
        if keep:
            keep_reports(hands, place.folder / "reports", keep, name)
        return Check(
            name=name,
            answer=answer,
            tail=tail[-20_000:],
            ids=read_folder(hands, place.folder / "reports") or {},
        )


def keep_reports(hands: CommandRunner, folder: Path, into: Path, name: str) -> None:
    """Plain files of a bearable size, a few of them, under the name of their check; a name from
    the candidate's side is made harmless."""
    # Those two are reports of tests, whose ids are in the results already.
    files = [file for file in names_in(folder) if not file.endswith((".xml", ".tap"))]
    for file in files[:MOST_KEPT]:
        # One byte more than is kept tells a larger file without reading all of it.
        data = read_inside(folder.parent, f"{folder.name}/{file}", LARGEST_KEPT + 1)
        if data and len(data) <= LARGEST_KEPT:
            into.mkdir(parents=True, exist_ok=True)
            called = re.sub(r"[^\w.-]", "_", hands.secrets.hide(f"{name}-{file}"))[-120:]
            (into / called).write_bytes(hands.secrets.hide_bytes(data))


def run_verify(
    hands: CommandRunner, room: SandboxSpec, commands: Iterable[str], env: Mapping[str, str]
) -> VerifyResult:
    """Run a feature's commands in turn, until one is not green.

    What is missing inside the project is red, not a fault.
    """
    result = VerifyResult(answer=CheckStatus.GREEN)
    with desk(hands, room, env) as place:
        for command in commands:
            ran = hands.run(place.room, ["sh", "-c", command])
            tail = text(ran.output)
            answer = answered(ran)
            is_absent = answer is CheckStatus.FAULT and ran.exit in ABSENT
            if is_absent and missing_inside(place.room, tail):
                answer = CheckStatus.RED
            printed = f"$ {command}\n{tail}\n{ended(ran)}"
            result = VerifyResult(answer=answer, tail=printed[-20_000:])
            if answer is not CheckStatus.GREEN:
                break
    return result


def missing_inside(room: SandboxSpec, said: str) -> bool:
    """Did a shell miss a file that would belong to the project?

    A name without a slash is looked for on PATH, so it does not.
    """
    for found in MISSING.finditer(said):
        name = found[1] or found[2]
        place = Path(os.path.normpath(room.at / room.cwd / name))
        is_inside = "/" in name and place.is_relative_to(room.at)
        if is_inside and not os.path.lexists(room.tree / place.relative_to(room.at)):
            return True
    return False


def answered(ran: CommandResult) -> CheckStatus:
    """Green or red; a time-out, a full disk, a signal, and a command that is not there or not
    executable are faults."""
    was_ended = ran.timed_out or ran.crowded or ran.signal or ran.exit is None
    if was_ended or ran.exit in ABSENT:
        return CheckStatus.FAULT
    return CheckStatus.RED if ran.exit else CheckStatus.GREEN


def probe(
    hands: CommandRunner, room: SandboxSpec, modules: Iterable[str], up: int = 0
) -> tuple[str, Mapping[str, str], tuple[str, ...]]:
    """Return the project's own Python, where it would import these modules from ("" for nowhere),
    and what pytest loads there by itself.

    It may also lie in so many folders above.
    """
    homes = [f"{folder}/".removeprefix("./") for folder in above(up)]
    places = [f"{home}{name}/bin/python" for home in homes for name in (".venv", "venv")]
    with desk(hands, room) as place:
        argv = [
            "sh",
            "-c",
            PYTHONS.format(" ".join(places)),
            "sh",
            f"{place.runners}/nightlatch_probe.py",
            *modules,
        ]
        ran = hands.run(place.room, argv)
    python, _, rest = text(ran.output).partition("\n")
    try:
        said = json.loads(rest)
        # From PATH it is started by the name that it gives itself: a shim of pyenv or asdf takes
        # longer to start than the Python behind it. One in the project's own folder keeps its name
        # there, as every workspace has that folder elsewhere.
        own = str(said["program"]) if python.startswith("/") else ""
        return own or python, dict(said["origins"]), tuple(map(str, said["plugins"]))
    except (ValueError, KeyError) as error:
        fix = "make init.sh create .venv, or name it under share in [workspace] of loop.toml"
        raise FaultError(
            f"the project's Python cannot be started: {text(ran.output).strip()[-300:]}",
            place=python,
            fix=fix,
        ) from error


def bounded(file: Path) -> bytes | None:
    """Return a regular file of bearable size: the folder was open to code that nobody vouches for,
    so no links and no pipes."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as stream:
        about = os.fstat(handle)
        return (
            stream.read(MOST_BYTES)
            if stat.S_ISREG(about.st_mode) and about.st_size <= MOST_BYTES
            else None
        )


def text(output: bytes) -> str:
    return output.decode("utf-8", "replace")
