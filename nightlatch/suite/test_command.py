"""A person's own test command, read: which runner it comes to in the end, through whatever it
is wrapped in, and with which options."""

import posixpath
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from nightlatch.suite.runner_detection import (
    Runner,
    RunnerCall,
    RunnerCommand,
    RunnerFiles,
    RunnerOutput,
)
from nightlatch.suite.suite_finder import Read, find, placed, spliced
from nightlatch.suite.suites import Suite
from nightlatch.suite.test_scripts import (
    ASSIGNMENT,
    DEEPEST,
    EXPANDED,
    ScriptSources,
    UnreadableError,
    bare,
    moved,
    scripted,
    shielded,
)

# What a command may begin with and still come to the program after it. Those of the first kind give
# it its environment, and are kept.
KEPT_WRAPPERS = (
    ("uv", "run"),
    ("poetry", "run"),
    ("pdm", "run"),
    ("pipenv", "run"),
    ("hatch", "run"),
    ("rye", "run"),
    ("pixi", "run"),
    ("conda", "run"),
    ("bundle", "exec"),
    ("xvfb-run",),
    ("dotenv", "run"),
)
DROPPED_WRAPPERS = (
    ("npx",),
    ("bunx",),
    ("pnpm", "exec"),
    ("yarn", "exec"),
    ("npm", "exec"),
    ("pnpm", "dlx"),
    ("time",),
    ("command",),
    ("exec",),
    ("nice",),
    ("timeout",),
    ("env",),
    ("coverage", "run"),
    ("python", "-m", "coverage", "run"),
    ("c8",),
    ("nyc",),
)
# Options of wrappers whose value is the next word. One that is missing here would have its value
# taken for the program.
TAKES_WORD = {
    "--with",
    "--extra",
    "--group",
    "--python",
    "-p",
    "--project",
    "--directory",
    "-n",
    "--env",
    "-e",
    "-s",
    "--package",
    "--source",
    "--rcfile",
    "--include",
    "--omit",
    "-u",
    "-k",
    "--signal",
    "--kill-after",
    "--dist",
    "-P",
    "--only-group",
}
# Neither green nor red by themselves: what stands beside them decides.
HARMLESS = frozenset({"echo", "printf", "true", ":", "set", "clear", "ulimit", "umask"})
# Words that steer the shell. Which commands run then shows only when it runs, so these are refused
# instead of followed.
GRAMMAR = {
    "if",
    "then",
    "else",
    "elif",
    "fi",
    "for",
    "while",
    "until",
    "do",
    "done",
    "case",
    "esac",
    "select",
    "function",
    "{",
    "}",
    "!",
    "[[",
    "eval",
    "exit",
    "return",
    "trap",
    "unset",
    "shift",
    "wait",
}
RUN_BY = (
    "Makefile",
    "makefile",
    "GNUmakefile",
    "justfile",
    "tox.ini",
    "noxfile.py",
    "package.json",
    "composer.json",
    "Rakefile",
)
ACTIVATE = re.compile(r"(?:\./)?(?:\.?venv|env)/bin/activate")
REDIRECTION = re.compile(r"\s\d?>{1,2}\s*(?:&\d|[^\s;&|]+)|\s*\|\s*tee\s[^;&|]*$")
PYTHON = re.compile(r"(?:.*/)?(?:python(?:\d(?:\.\d+)?)?|py)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """One suite as a person names it: `command` is run in `folder` and may leave reports where
    `report` says."""

    name: str = ""
    folder: str = ""
    command: str = ""
    report: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReading:
    """What one command comes to: a known runner in a folder, or None and `why` not.

    `words` is the command as it would be run.

    `wrapper` are the words before the runner that are kept, `options` those after it, `env` what is
    set for it.
    """

    words: tuple[str, ...]
    folder: str
    runner: Runner | None = None
    wrapper: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    python: str = ""
    command: tuple[str, ...] = ()
    why: str = ""


def as_named(
    tests: str,
    named: Sequence[Named],
    runners: Sequence[Runner],
    paths: Collection[str],
    read: Read,
    has: Callable[[str, str], bool],
) -> list[Suite]:
    """Return the suites that are found, corrected and added to by those that a person names;
    `tests` is the short form for one."""
    ground = ScriptSources(runners=tuple(runners), paths=paths, read=read)
    spoken = [
        (one, suites_from(one, ground))
        for one in (*((Named(command=tests),) if tests else ()), *named)
    ]
    is_only_one = bool(tests) and len(spoken) == 1
    if is_only_one and all(suite.weak for suite in spoken[0][1]):
        # nothing is known of what it runs, so it stands for everything, as it always did
        return spoken[0][1]
    suites = list(find(runners, paths, read, has))
    for one, mine in spoken:
        news: list[Suite | None] = [*mine] or [None]
        others = (suite for suite in suites if not any(stands_for(one, new, suite) for new in news))
        suites = [*others, *mine]
    return sorted(suites, key=lambda suite: (bool(suite.folder), suite.folder))


def stands_for(one: Named, new: Suite | None, suite: Suite) -> bool:
    """Does what a person named take this suite's place?

    By name, by language in its folder, or by the whole folder.
    """
    if one.name and one.name == suite.name:
        return True
    if new is None:
        return suite.folder == one.folder and not one.name
    return suite.folder == new.folder and (
        new.weak != "" or suite.runner.language == new.runner.language
    )


def suites_from(named: Named, ground: ScriptSources) -> list[Suite]:
    """Return the suites that one command comes to; none where there is no command."""
    if not named.command.strip():
        return []
    folder = posixpath.normpath(named.folder).removeprefix("./").strip("/") if named.folder else ""
    folder = "" if folder == "." else folder
    readings, why = list[CommandReading](), ""
    try:
        readings = read_command(named.command, ground, folder)
    except UnreadableError as unreadable:
        why = str(unreadable)
    # Where the person says where the reports are, these are read, and no runner is asked for its.
    if named.report:
        readings = []
    if not any(reading.runner for reading in readings):
        return [by_exit_code(named, folder, why or first_reason(readings))]
    suites = list(assembled(readings, ground))
    return [replace(suites[0], name=named.name)] if named.name and len(suites) == 1 else suites


def first_reason(readings: Iterable[CommandReading]) -> str:
    """Return the first reason why a command comes to no runner; "" where none is given."""
    return next((reading.why for reading in readings if reading.why), "")


def by_exit_code(one: Named, folder: str, why: str) -> Suite:
    """Return a command of which nothing is known: its exit code, and reports where it leaves
    some."""
    reports = (one.report,) if one.report else ()
    words = re.findall(r"[\w./-]+", one.command)
    # What it may read to decide is protected like a configuration: the files that it names, and
    # those in which such commands usually keep what they run.
    files = (word.removeprefix("./") for word in words if "." in word or "/" in word)
    runner = Runner(
        name="tests",
        run=RunnerCommand(command=("sh", "-c", one.command)),
        output=RunnerOutput(report="folder", reports=reports),
        files=RunnerFiles(config=tuple(dict.fromkeys((*files, *RUN_BY)))),
    )
    name = one.name or (f"{folder} ({one.command})" if folder else "tests")
    return Suite(
        name=name,
        folder=folder,
        runner=runner,
        weak="" if reports else why or "it names no known runner",
    )


def assembled(readings: Sequence[CommandReading], ground: ScriptSources) -> Iterator[Suite]:
    """Suites from commands that run one after the other: what is not a runner goes before the
    next one, or is a suite of its own."""
    before: list[CommandReading] = []
    for reading in readings:
        if reading.runner is None:
            before.append(reading)
        else:
            yield by_runner(reading, before, ground)
            before = []
    for reading in before:
        command = shlex.join(reading.words)
        name = f"{reading.folder}: {command}".removeprefix(": ")
        named = Named(folder=reading.folder, command=command, name=name)
        yield by_exit_code(named, reading.folder, "")


def by_runner(
    reading: CommandReading, before: Sequence[CommandReading], ground: ScriptSources
) -> Suite:
    """Return a known runner with the person's options, wrapper and preparations."""
    runner = reading.runner or ground.runners[0]
    # A command that differs from the runner's own knows no second way to run single tests again.
    commands = (reading.command, ()) if reading.command else (runner.run.command, runner.run.again)
    steps = preparation(before, reading.folder)
    command, again = (after_preparation(steps, as_called(words, reading)) for words in commands)
    env = {**runner.run.env, **dict(reading.env)}
    run = replace(runner.run, command=command, again=again, env=env)
    configured = replace(runner, run=run)
    return placed(configured, reading.folder, ground.read)


def as_called(command: Sequence[str], reading: CommandReading) -> tuple[str, ...]:
    """Return a runner's command with the options, the wrapper and the Python of the person's
    own."""
    runner_options = reading.runner.options.usual if reading.runner else ()
    words = spliced(command, reading.options or runner_options)
    # `uv run` and its like bring a Python of their own, which the project's would replace.
    is_of_python = words[:1] == ("{python}",)
    if is_of_python and (reading.wrapper or reading.python):
        words = (reading.python or "python", *words[1:])
    return (*reading.wrapper, *words) if words else words


def preparation(before: Sequence[CommandReading], start: str) -> str:
    """Return the commands that go before a runner as one shell line, each in its folder; "" for
    none."""
    return " && ".join(
        f"(cd {shlex.quote(upward(start, step.folder))} && {shlex.join(step.words)})"
        for step in before
    )


def after_preparation(steps: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command, run once its preparation went well."""
    if not steps or not words:
        return words
    # exec: signals and the exit code are the runner's own, as without the preparation.
    return ("sh", "-c", f'{steps} && exec "$@"', "sh", *words)


def upward(start: str, folder: str) -> str:
    """Return a folder as it is seen from another one."""
    return posixpath.relpath(folder or ".", start or ".")


def read_command(
    line: str, ground: ScriptSources, folder: str = "", deep: int = 0
) -> list[CommandReading]:
    """Return what a shell line runs, in its order. Raises Unreadable where that cannot be told by
    reading."""
    # Scripts may call each other in a circle.
    if deep > DEEPEST:
        raise UnreadableError("it leads through too many scripts")
    readings = list(read_in_order(line, ground, folder, deep))
    others = [reading for reading in readings if reading.runner is None]
    unknown = [word for other in others for word in other.words if EXPANDED.search(word)]
    if unknown and len(others) < len(readings):
        raise UnreadableError(f"the shell would have to fill in {bare(unknown[0])}")
    return [
        replace(
            reading,
            words=tuple(map(bare, reading.words)),
            options=tuple(map(bare, reading.options)),
        )
        for reading in readings
    ]


def read_in_order(
    line: str, ground: ScriptSources, folder: str, deep: int
) -> Iterator[CommandReading]:
    """Follow a shell line through its folders and variables, command by command."""
    exported = tuple[tuple[str, str], ...]()
    outer = list[str]()
    for words, hiding_sign in simple_commands(line):
        is_export = words[:1] == ["export"]
        env, rest = assignments(words[1:] if is_export else words)
        if words == ["("]:
            outer.append(folder)
        elif words == [")"]:
            folder = outer.pop() if outer else folder
        elif not rest or is_export:
            exported = (*exported, *env)
        elif rest[0] == "cd":
            folder = moved(folder, rest)
        elif starts_program(rest):
            inner = comes_to(tuple(rest), ground, folder, deep)
            refuse_hidden_result(inner, hiding_sign)
            for reading in inner:
                yield replace(reading, env=(*exported, *env, *reading.env))


def starts_program(words: Sequence[str]) -> bool:
    """Return whether this command can decide anything. Raises Unreadable where it steers the
    shell."""
    if words[0] in GRAMMAR:
        raise UnreadableError(f"the shell's {words[0]} stands in it")
    if words[0] in {".", "source"}:
        # A virtual environment changes only which Python runs; any other file could do anything.
        if not ACTIVATE.fullmatch(words[-1]):
            raise UnreadableError(f"it reads {words[-1]} into its shell")
        return False
    return posixpath.basename(words[0]) not in HARMLESS


def refuse_hidden_result(readings: Iterable[CommandReading], sign: str) -> None:
    """Raise Unreadable where a sign of the shell hides the exit code of an unknown program."""
    # Of a known runner the report tells the same, so `pytest | tee log` can be read.
    if sign and not all(reading.runner for reading in readings):
        raise UnreadableError(f"the shell's {sign} stands in it")


def simple_commands(line: str) -> Iterator[tuple[list[str], str]]:
    """Yield the commands of a shell line that run one after the other, each with the sign behind
    which its result is hidden, and brackets."""
    plain = shielded(REDIRECTION.sub(" ", line.replace("\\\n", " ").strip())).replace("\n", " ; ")
    lexer = shlex.shlex(plain, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words, hidden = list[str](), ""
    try:
        for token in lexer:
            signs = signs_of(token)
            if signs in {"|", "||"}:
                hidden = hidden or signs
            elif signs == "&" or not set(signs) <= set("();&"):
                raise UnreadableError(f"the shell's {signs} stands in it")
            elif signs:
                yield words, hidden
                words, hidden = [], ""
                yield from (([sign], "") for sign in signs if sign in "()")
            elif not hidden:
                words.append(token)
    except ValueError as error:
        raise UnreadableError(f"the shell could not read it: {error}") from error
    yield words, hidden


def signs_of(token: str) -> str:
    """Return the token where it is made of signs of the shell alone; "" for a word."""
    return token if set(token) <= set("();<>|&") else ""


def assignments(words: Sequence[str]) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """Return the variables that a command sets for itself, and the command."""
    count = next((n for n, word in enumerate(words) if not ASSIGNMENT.fullmatch(word)), len(words))
    pairs = [word.partition("=") for word in words[:count]]
    if any(EXPANDED.search(value) for _, _, value in pairs):
        raise UnreadableError("the shell would have to fill in a variable")
    return tuple((name, bare(value)) for name, _, value in pairs), list(words[count:])


def comes_to(
    words: tuple[str, ...], ground: ScriptSources, folder: str, deep: int
) -> list[CommandReading]:
    """Return the runner that one command comes to, or the command itself where none is known."""
    if posixpath.basename(words[0]) == "node" and "--test" in words:
        # node takes its options in any order: --test first makes them one way to call it
        words = (words[0], "--test", *(word for word in words[1:] if word != "--test"))
    if match := direct(words, ground.runners):
        return [reading_of_runner(words, match, folder)]
    for wrapper in (*KEPT_WRAPPERS, *DROPPED_WRAPPERS):
        if begins(words, wrapper):
            return unwrapped(words, wrapper, ground, folder, deep)
    inner = scripted(words, ground, folder)
    if inner is None:
        why = f"{posixpath.basename(words[0])} is not a known runner"
        return [CommandReading(words=words, folder=folder, why=why)]
    return [
        reading for line, home in inner for reading in read_command(line, ground, home, deep + 1)
    ]


def reading_of_runner(
    words: tuple[str, ...], match: tuple[Runner, RunnerCall, int], folder: str
) -> CommandReading:
    """Return a command that calls a known runner: the options that are kept, and whose Python it
    takes."""
    runner, call, used = match
    options = kept_options(words[used:], call)
    if any(EXPANDED.search(word) for word in options):
        why = "the shell would have to fill in one of its options"
        return CommandReading(words=words, folder=folder, why=why)
    # The Python of a virtual environment is the project's own, for which {python} stands.
    is_named_python = PYTHON.fullmatch(words[0]) and "/" in words[0] and "venv/" not in words[0]
    return CommandReading(
        words=words,
        folder=folder,
        runner=runner,
        options=options,
        python=words[0] if is_named_python else "",
        command=call.command,
    )


def begins(words: Sequence[str], start: Sequence[str]) -> bool:
    """Do these words begin a command, whatever path its programs are called by?"""
    same = [posixpath.basename(word) for word in words[: len(start)]]
    return len(words) >= len(start) and all(
        mine == theirs or (theirs == "python" and PYTHON.fullmatch(mine))
        for mine, theirs in zip(same, start, strict=True)
    )


def direct(
    words: Sequence[str], runners: Iterable[Runner]
) -> tuple[Runner, RunnerCall, int] | None:
    """Return the runner that is called by these words, how it is called, and how many words that
    takes."""
    best: tuple[Runner, RunnerCall, int] | None = None
    for runner in runners:
        for call in runner.options.calls:
            used = words_used(words, call)
            # the longest call wins: `python -m pytest` is pytest's, and not Python's
            if used and (best is None or used > best[2]):
                best = runner, call, used
    return best


def words_used(words: Sequence[str], call: RunnerCall) -> int:
    """Return how many words this way to call a runner takes; 0 where it is another command."""
    used = len(call.words)
    following = words[used] if len(words) > used else None
    if not begins(words, call.words) or following in call.never:
        return 0
    return used + 1 if following in call.subs else used


def kept_options(words: Sequence[str], call: RunnerCall) -> tuple[str, ...]:
    """Return the options that decide what is tested and how."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, _ = word.partition("=")
        dropped = any(re.fullmatch(pattern, name) for pattern in call.drop)
        value = [next(rest, "")] if name in call.values and not equals else []
        if word == "--":
            break  # what follows is for the programs that the runner starts
        if not dropped:
            kept += [word, *value]
    return tuple(kept)


def unwrapped(
    words: tuple[str, ...], wrapper: tuple[str, ...], ground: ScriptSources, folder: str, deep: int
) -> list[CommandReading]:
    """Return what stands after a wrapper and its options."""
    end = end_of_wrapper(words, wrapper)
    rest = words[end:]
    if not rest:
        why = f"nothing follows {' '.join(wrapper)}"
        return [CommandReading(words=words, folder=folder, why=why)]
    if rest[0] in {"-m", "--module"}:
        rest = ("python", *rest)  # `coverage run -m pytest`
    inner = comes_to(rest, ground, folder, deep + 1)
    keep = words[:end] if wrapper in KEPT_WRAPPERS else ()
    is_unknown = any(EXPANDED.search(word) for word in keep)
    if is_unknown or not any(reading.runner for reading in inner):
        return [CommandReading(words=words, folder=folder, why=first_reason(inner))]
    env = variables_among(words[len(wrapper) : end])
    return [
        replace(reading, wrapper=(*keep, *reading.wrapper), env=(*env, *reading.env))
        if reading.runner
        else reading
        for reading in inner
    ]


def end_of_wrapper(words: Sequence[str], wrapper: Sequence[str]) -> int:
    """Return where the wrapper ends, with its options and what stands for it to take."""
    at = len(wrapper)
    while at < len(words) and (words[at].startswith("-") or ASSIGNMENT.fullmatch(words[at])):
        if words[at] in {"-m", "--module"}:
            break
        at += 2 if words[at] in TAKES_WORD and at + 1 < len(words) else 1
        if words[at - 1] == "--":
            break
    return at + 1 if takes_number(wrapper[0], words[at:]) else at


def takes_number(wrapper: str, rest: Sequence[str]) -> bool:
    """Does the first of these words belong to the wrapper: a time, or the old form `nice 10`?"""
    is_number = bool(rest) and rest[0].lstrip("-").isdigit()
    return wrapper == "timeout" or (wrapper == "nice" and is_number)


def variables_among(words: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the variables that words such as `CI=1` set."""
    pairs = (word.partition("=") for word in words if ASSIGNMENT.fullmatch(word))
    return tuple((name, value) for name, _, value in pairs)
