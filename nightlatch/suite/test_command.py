"""A person's own test command, read: which runner it comes to in the end, through whatever it
is wrapped in, and with which options."""

import posixpath
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from nightlatch.suite.runner_detection import Runner, RunnerCall
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
HARMLESS = frozenset({"echo", "printf", "true", ":", "set", "clear", "ulimit", "umask"})
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
    """The suites that are found, corrected and added to by those that a person names; `tests`
    is the short form for one."""
    ground = ScriptSources(runners=tuple(runners), paths=paths, read=read)
    spoken = [
        (one, suites_from(one, ground))
        for one in (*((Named(command=tests),) if tests else ()), *named)
    ]
    if tests and len(spoken) == 1 and all(suite.weak for suite in spoken[0][1]):
        # nothing is known of what it runs, so it stands for everything, as it always did
        return spoken[0][1]
    found = list(find(runners, paths, read, has))
    for one, mine in spoken:
        news: list[Suite | None] = [*mine] or [None]
        found = [
            suite for suite in found if not any(stands_for(one, new, suite) for new in news)
        ] + mine
    return sorted(found, key=lambda suite: (bool(suite.folder), suite.folder))


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


def suites_from(one: Named, ground: ScriptSources) -> list[Suite]:
    """The suites that one command comes to; none where there is no command."""
    if not one.command.strip():
        return []
    folder = posixpath.normpath(one.folder).removeprefix("./").strip("/") if one.folder else ""
    folder = "" if folder == "." else folder
    told, why = list[CommandReading](), ""
    try:
        told = read_command(one.command, ground, folder)
    except UnreadableError as unreadable:
        why = str(unreadable)
    told = [] if one.report else told
    if not any(each.runner for each in told):
        return [by_exit_code(one, folder, why or next((each.why for each in told if each.why), ""))]
    made = list(assembled(told, ground))
    return [replace(made[0], name=one.name)] if one.name and len(made) == 1 else made


def by_exit_code(one: Named, folder: str, why: str) -> Suite:
    """A command of which nothing is known: its exit code, and reports where it leaves some."""
    reports = (one.report,) if one.report else ()
    words = re.findall(r"[\w./-]+", one.command)
    config = tuple(
        dict.fromkeys(
            (*(word.removeprefix("./") for word in words if "." in word or "/" in word), *RUN_BY)
        )
    )
    runner = Runner(
        name="tests",
        report="folder",
        command=("sh", "-c", one.command),
        tests=(),
        reports=reports,
        config=config,
    )
    name = one.name or (f"{folder} ({one.command})" if folder else "tests")
    return Suite(
        name=name,
        folder=folder,
        runner=runner,
        weak="" if reports else why or "it names no known runner",
    )


def assembled(told: Sequence[CommandReading], ground: ScriptSources) -> Iterator[Suite]:
    """Suites from commands that run one after the other: what is not a runner goes before the
    next one, or is a suite of its own."""
    before: list[CommandReading] = []
    for each in told:
        if each.runner is None:
            before.append(each)
        else:
            yield by_runner(each, before, ground)
            before = []
    for each in before:
        command = shlex.join(each.words)
        yield by_exit_code(
            Named(
                folder=each.folder,
                command=command,
                name=f"{each.folder}: {command}".removeprefix(": "),
            ),
            each.folder,
            "",
        )


def by_runner(
    each: CommandReading, before: Sequence[CommandReading], ground: ScriptSources
) -> Suite:
    """A known runner with the person's options, wrapper and preparations."""
    runner = each.runner or ground.runners[0]
    commands = []
    for command in (each.command, ()) if each.command else (runner.command, runner.again):
        words = tuple(each.wrapper)
        own = spliced(command, each.options or runner.usual)
        if own and own[0] == "{python}" and (words or each.python):
            own = (each.python or "python", *own[1:])
        own = (*words, *own) if own else own
        steps = " && ".join(
            f"(cd {shlex.quote(upward(each.folder, b.folder))} && {shlex.join(b.words)})"
            for b in before
        )
        commands.append(("sh", "-c", f'{steps} && exec "$@"', "sh", *own) if steps and own else own)
    env = {**runner.env, **dict(each.env)}
    return placed(
        replace(runner, command=commands[0], again=commands[1], env=env), each.folder, ground.read
    )


def upward(start: str, folder: str) -> str:
    return posixpath.relpath(folder or ".", start or ".")


def read_command(
    line: str, ground: ScriptSources, folder: str = "", deep: int = 0
) -> list[CommandReading]:
    """What a shell line runs, in its order. Raises Unreadable where that cannot be told by
    reading."""
    if deep > DEEPEST:
        raise UnreadableError("it leads through too many scripts")
    told, kept, outer = list[CommandReading](), tuple[tuple[str, str], ...](), list[str]()
    for words, hidden in simple_commands(line):
        env, rest = assignments(words[1:] if words[:1] == ["export"] else words)
        if words == ["("]:
            outer.append(folder)
        elif words == [")"]:
            folder = outer.pop() if outer else folder
        elif not rest or words[:1] == ["export"]:
            kept = (*kept, *env)
        elif rest[0] in GRAMMAR:
            raise UnreadableError(f"the shell's {rest[0]} stands in it")
        elif rest[0] == "cd":
            folder = moved(folder, rest)
        elif rest[0] in {".", "source"}:
            if not ACTIVATE.fullmatch(rest[-1]):
                raise UnreadableError(f"it reads {rest[-1]} into its shell")
        elif posixpath.basename(rest[0]) not in HARMLESS:
            inner = comes_to(tuple(rest), ground, folder, deep)
            if hidden and not all(each.runner for each in inner):
                raise UnreadableError(f"the shell's {hidden} stands in it")
            told += [replace(each, env=(*kept, *env, *each.env)) for each in inner]
    others = [
        word for each in told if each.runner is None for word in each.words if EXPANDED.search(word)
    ]
    if others and any(each.runner for each in told):
        raise UnreadableError(f"the shell would have to fill in {bare(others[0])}")
    return [
        replace(each, words=tuple(map(bare, each.words)), options=tuple(map(bare, each.options)))
        for each in told
    ]


def simple_commands(line: str) -> Iterator[tuple[list[str], str]]:
    """The commands of a shell line that run one after the other, each with the sign behind
    which its result is hidden, and brackets."""
    plain = shielded(REDIRECTION.sub(" ", line.replace("\\\n", " ").strip())).replace("\n", " ; ")
    lexer = shlex.shlex(plain, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words, hidden = list[str](), ""
    try:
        for token in lexer:
            signs = token if token and set(token) <= set("();<>|&") else ""
            if signs in {"|", "||"}:
                hidden = hidden or signs
            elif signs and set(signs) <= set("();&") and signs != "&":
                yield words, hidden
                words, hidden = [], ""
                yield from (([sign], "") for sign in signs if sign in "()")
            elif signs:
                raise UnreadableError(f"the shell's {signs} stands in it")
            elif not hidden:
                words.append(token)
    except ValueError as error:
        raise UnreadableError(f"the shell could not read it: {error}") from error
    yield words, hidden


def assignments(words: Sequence[str]) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """The variables that a command sets for itself, and the command."""
    count = next((n for n, word in enumerate(words) if not ASSIGNMENT.fullmatch(word)), len(words))
    pairs = [word.partition("=") for word in words[:count]]
    if any(EXPANDED.search(value) for _, _, value in pairs):
        raise UnreadableError("the shell would have to fill in a variable")
    return tuple((name, bare(value)) for name, _, value in pairs), list(words[count:])


def comes_to(
    words: tuple[str, ...], ground: ScriptSources, folder: str, deep: int
) -> list[CommandReading]:
    """The runner that one command comes to, or the command itself where none is known."""
    if posixpath.basename(words[0]) == "node" and "--test" in words:
        words = (words[0], "--test", *(word for word in words[1:] if word != "--test"))
    known = direct(words, ground.runners)
    if known:
        runner, call, used = known
        options = kept_options(words[used:], call)
        python = (
            words[0]
            if PYTHON.fullmatch(words[0]) and "/" in words[0] and "venv/" not in words[0]
            else ""
        )
        if any(EXPANDED.search(word) for word in options):
            return [
                CommandReading(
                    words=words,
                    folder=folder,
                    why="the shell would have to fill in one of its options",
                )
            ]
        return [
            CommandReading(
                words=words,
                folder=folder,
                runner=runner,
                options=options,
                python=python,
                command=call.command,
            )
        ]
    for wrapper in (*KEPT_WRAPPERS, *DROPPED_WRAPPERS):
        if begins(words, wrapper):
            return unwrapped(words, wrapper, ground, folder, deep)
    inner = scripted(words, ground, folder)
    if inner is None:
        return [
            CommandReading(
                words=words,
                folder=folder,
                why=f"{posixpath.basename(words[0])} is not a known runner",
            )
        ]
    return [each for line, place in inner for each in read_command(line, ground, place, deep + 1)]


def begins(words: Sequence[str], start: Sequence[str]) -> bool:
    same = [posixpath.basename(word) for word in words[: len(start)]]
    return len(words) >= len(start) and all(
        mine == theirs or (theirs == "python" and PYTHON.fullmatch(mine))
        for mine, theirs in zip(same, start, strict=True)
    )


def direct(
    words: Sequence[str], runners: Iterable[Runner]
) -> tuple[Runner, RunnerCall, int] | None:
    """The runner that is called by these words, how it is called, and how many words that takes."""
    best: tuple[Runner, RunnerCall, int] | None = None
    for runner in runners:
        for call in runner.calls:
            used = len(call.words)
            if begins(words, call.words) and not (
                call.never and set(words[used : used + 1]) & set(call.never)
            ):
                if call.subs and words[used : used + 1] and words[used] in call.subs:
                    used += 1
                if best is None or used > best[2]:
                    best = runner, call, used
    return best


def kept_options(words: Sequence[str], call: RunnerCall) -> tuple[str, ...]:
    """The options that decide what is tested and how."""
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
    """What stands after a wrapper and its options."""
    at = len(wrapper)
    while at < len(words) and (words[at].startswith("-") or ASSIGNMENT.fullmatch(words[at])):
        if words[at] in {"-m", "--module"}:
            break
        at += 2 if words[at] in TAKES_WORD and at + 1 < len(words) else 1
        if words[at - 1] == "--":
            break
    if wrapper[0] == "timeout" or (
        wrapper[0] == "nice" and at < len(words) and words[at].lstrip("-").isdigit()
    ):
        at += 1
    rest = words[at:]
    if not rest:
        return [
            CommandReading(words=words, folder=folder, why=f"nothing follows {' '.join(wrapper)}")
        ]
    rest = ("python", *rest) if rest[0] in {"-m", "--module"} else rest
    named = tuple(word for word in words[len(wrapper) : at] if ASSIGNMENT.fullmatch(word))
    inner = comes_to(rest, ground, folder, deep + 1)
    keep = words[:at] if wrapper in KEPT_WRAPPERS else ()
    if any(EXPANDED.search(word) for word in keep) or not any(each.runner for each in inner):
        return [
            CommandReading(
                words=words, folder=folder, why=next((each.why for each in inner if each.why), "")
            )
        ]
    env = tuple((name, value) for name, _, value in (word.partition("=") for word in named))
    return [
        (
            replace(each, wrapper=(*keep, *each.wrapper), env=(*env, *each.env))
            if each.runner
            else each
        )
        for each in inner
    ]
