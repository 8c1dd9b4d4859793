"""What a command runs through before it reaches the code that it judges: programs, scripts,
build files, and the tools' scripts.

What judges a feature must not be the feature's own work. A verify that says `make -s test` is
decided by the Makefile as much as by the code, and so are a check and a gate of the plan. Here the
words of a command are followed from file to file; who has traced a run adds what it read
(`traced`).
"""

import json
import posixpath
import re
import shlex
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from nightlatch.suite.harness_tools import Manifest, Tools
from nightlatch.suite.makefile import INCLUDE, is_makefile, making, recipes
from nightlatch.util.globs import matcher

OPERATORS = frozenset({";", "&", "&&", "||", "|", "|&", "(", ")", "\n", ";;"})
KEYWORDS = frozenset(
    {"if", "then", "else", "elif", "fi", "do", "done", "while", "until", "!", "{", "}", "time"}
)
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
# $(...) and `...`, one level deep: what is nested further is found when the inner text is read.
SUBSTITUTION = re.compile(r"\$\(([^()]*)\)|`([^`]*)`")
# A path such as $ROOT/bin/check: the variable is taken for the folder in which the command runs.
FILLED_IN = re.compile(r"^(?:\$\{?\w+\}?|SUBSTITUTED)/")
SHEBANG = re.compile(r"#!\s*\S+")
# Enough of each language's imports to find the project's own files: what does not lead to one of
# them is passed over anyway.
IMPORTS = (
    (
        re.compile(r"^\s*(?:from\s+(\.*[\w.]+)\s+import|import\s+([\w., ]+))", re.MULTILINE),
        "python",
    ),
    (
        re.compile(
            r"""(?:from|import|require(?:_relative)?|load|include(?:_once)?|source|\.)\s*\(?\s*["'](\.{0,2}/?[\w./-]+)["']"""
        ),
        "path",
    ),
)
# The words of a file that no command names and another file loads. No target or script is called
# so.
LOADED = ("?",)
# Options of interpreters whose value is a file that is run before the program.
LOADS_FIRST = ("-r", "--require", "--import")
# A larger file is data or a bundle, and would take minutes to be followed word by word.
MOST_TEXT = 400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One file that is run, or that says what is run: its path in the project, and the words
    that choose within it (targets, scripts).

    `program`: it is started itself. `compared`: another command looks at what it prints, so its own
    exit code alone does not decide.
    """

    path: str
    words: tuple[str, ...] = ()
    compared: bool = False
    program: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessFile:
    """Where a text stands: the files of the project, and the folder in which its commands run.

    `programs` are folders of the project that are on PATH.
    """

    paths: Collection[str]
    folder: str = ""
    compared: bool = False
    programs: tuple[str, ...] = ()

    def path(self, word: str) -> str:
        """Return the file of the project that a word names, "" for none.

        What a shell fills in before the first slash is taken for the folder.
        """
        word = FILLED_IN.sub("", word)
        if not word or word.startswith(("/", "~", "-")) or "://" in word:
            return ""
        found = posixpath.normpath(posixpath.join(self.folder, word))
        return found if found in self.paths else ""

    def at(self, folder: str) -> "HarnessFile":
        """Return the same files, seen from a folder below this one."""
        moved = posixpath.normpath(posixpath.join(self.folder, folder))
        return replace(self, folder="" if moved == "." else moved)

    def program(self, word: str) -> str:
        """Return the file of the project that starts when this is the first word of a command, ""
        for none."""
        if "/" in word:
            return self.path(word)
        named = (
            posixpath.normpath(posixpath.join(folder, word)) for folder in self.programs if word
        )
        return next((path for path in named if path in self.paths), "")

    def holds(self, folder: str) -> bool:
        """Is this a folder of the project?"""
        inner = self.at(folder).folder
        return not inner or any(path.startswith(f"{inner}/") for path in self.paths)

    def matching(self, patterns: Iterable[str]) -> list[str]:
        """Return the files below the folder that patterns name."""
        named = matcher(patterns)
        below = f"{self.folder}/" if self.folder else ""
        return sorted(
            path for path in self.paths if path.startswith(below) and named(path[len(below) :])
        )


def of_command(text: str, tools: Tools, place: HarnessFile, depth: int = 0) -> Iterator[Item]:
    """Yield the files that a shell text runs, in the order of its words."""
    # A text may name itself, as a script that starts itself again does.
    if depth > 5 or len(text) > MOST_TEXT:
        return
    for inner in SUBSTITUTION.finditer(text):
        # What stands in $(...) is looked at by the words around it.
        within = replace(place, compared=True)
        yield from of_command(inner[1] or inner[2] or "", tools, within, depth + 1)
    here = place
    for words, piped in simple_commands(SUBSTITUTION.sub("SUBSTITUTED", text)):
        plain = unwrapped(words, tools)
        if plain[:1] == ["cd"] and len(plain) > 1:
            here = here.at(plain[1])
            continue
        looked_at = here.compared or bool(piped and piped[0] in tools.compares)
        spot = replace(here, compared=looked_at)
        yield from _of_words(plain, tools, spot, depth)


def simple_commands(text: str) -> list[tuple[list[str], list[str]]]:
    """Return each simple command of a shell text as words, beside the words of the command that its
    output is piped to."""
    lexer = shlex.shlex(
        text.replace("\\\n", " ").replace("\n", "\n; "), posix=True, punctuation_chars=True
    )
    lexer.whitespace_split, lexer.commenters = True, "#"
    try:
        tokens = list(lexer)
    except ValueError:
        tokens = re.findall(r"[^\s;&|()]+|[;&|()]+", text)
    commands: list[tuple[list[str], str]] = [([], "")]
    for token in tokens:
        is_operator = token in OPERATORS or (token and not set(token) - set(";&|()"))
        if is_operator:
            commands[-1] = (commands[-1][0], token)
            commands.append(([], ""))
        elif token in KEYWORDS and not commands[-1][0]:
            continue
        else:
            commands[-1][0].append(token)
    following = [*[words for words, _ in commands[1:]], []]
    pairs = zip(commands, following, strict=True)
    return [
        (words, after if ends in ("|", "|&") else []) for (words, ends), after in pairs if words
    ]


def unwrapped(words: Sequence[str], tools: Tools) -> list[str]:
    """Return the words of a command without what stands before its program: variables, `env`,
    `timeout 5`, `uv run` and their like."""
    rest = list(words)
    while rest:
        if ASSIGNMENT.match(rest[0]):
            rest = rest[1:]
        elif " ".join(rest[:2]) in tools.runners:
            rest = _without_options(rest[2:])
        elif posixpath.basename(rest[0]) in tools.wrappers:
            count = tools.wrappers[posixpath.basename(rest[0])]
            # `timeout 5` and its like take so many words for themselves.
            rest = _without_options(rest[1:])[count:]
        else:
            return rest
    return rest


def _without_options(words: list[str]) -> list[str]:
    """Return the words from the first one on that is no option."""
    return words[
        next((i for i, word in enumerate(words) if not word.startswith("-")), len(words)) :
    ]


def _of_words(words: list[str], tools: Tools, place: HarnessFile, depth: int) -> Iterator[Item]:
    """Yield the files that one simple command runs, or that say what it runs."""
    if not words:
        return
    program, arguments = words[0], words[1:]
    name = posixpath.basename(program)
    if program in (".", "source") and arguments:
        yield from _file(place, arguments[0], arguments[1:])
    elif file := place.program(program):
        yield Item(path=file, words=tuple(arguments), compared=place.compared, program=True)
    if name in tools.interpreters:
        yield from _interpreted(name, arguments, tools, place, depth)
    if name == "go" and arguments[:1] == ["run"]:
        yield from _go_main(arguments[1:], place)
    if name == "cargo":
        yield from _xtask(arguments, place)
    yield from _of_tool(name, arguments, tools, place)


def _xtask(arguments: list[str], place: HarnessFile) -> Iterator[Item]:
    """Yield the crate of that name, in which Rust projects keep their own build steps."""
    if arguments and arguments[0].startswith("xtask"):
        yield from (Item(path=path) for path in place.matching(["xtask/**"]))


def _file(place: HarnessFile, word: str, words: Sequence[str] = ()) -> Iterator[Item]:
    """Yield the file of the project that a word names, as one that is run."""
    if path := place.path(word):
        yield Item(path=path, words=tuple(words), compared=place.compared, program=True)


def _interpreted(
    name: str, arguments: list[str], tools: Tools, place: HarnessFile, depth: int
) -> Iterator[Item]:
    """Yield the text, module or file that an interpreter is told to run, and what it loads
    before."""
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if rest and _takes_text(name, word, tools):
            yield from _of_text(name, rest[0], tools, place, depth)
            return
        if rest and _takes_module(name, word):
            yield from _module(rest[0], place, rest[1:])
            return
        if word in tools.interpreters.values or word in LOADS_FIRST:
            yield from _file(place, rest.pop(0)) if rest else ()
        elif not word.startswith("-") and not _is_subcommand(name, word):
            yield from _file(place, word, rest)
            return


def _takes_text(name: str, option: str, tools: Tools) -> bool:
    """Return whether a program text follows this option; node's -r loads a file."""
    return option in tools.interpreters.code and not (name.startswith("node") and option == "-r")


def _takes_module(name: str, option: str) -> bool:
    """Return whether the name of a Python module follows this option."""
    return option == "-m" and name.startswith(("python", "pypy"))


def _is_subcommand(name: str, word: str) -> bool:
    """Return whether a word only says that a file follows, as in `bun run main.ts`."""
    return name in ("deno", "bun") and word in ("run", "test", "x")


def _of_text(name: str, text: str, tools: Tools, place: HarnessFile, depth: int) -> Iterator[Item]:
    """Yield what a program text on the command line runs."""
    if name in tools.interpreters.shells:
        yield from of_command(text, tools, place, depth + 1)
    elif not (place.compared or tools.judging.search(text)):
        # A program text that judges nothing itself leaves that to what it imports.
        yield from _imported(text, "", tools, place, whole=True)


def _module(name: str, place: HarnessFile, words: Sequence[str]) -> Iterator[Item]:
    """Yield the main file of `python -m NAME`."""
    path = name.replace(".", "/")
    for top in ("", "src/"):
        for end in ("/__main__.py", ".py"):
            yield from _file(place, f"{top}{path}{end}", words)


def _go_main(words: list[str], place: HarnessFile) -> Iterator[Item]:
    """Yield the main file of `go run`."""
    target = next((word for word in words if not word.startswith("-")), ".")
    if target.endswith(".go"):
        yield from _file(place, target)
        return
    inner = place.at(target.removesuffix("/..."))
    yield from (Item(path=path, compared=place.compared) for path in inner.matching(["main.go"]))


def _of_tool(name: str, arguments: list[str], tools: Tools, place: HarnessFile) -> Iterator[Item]:
    """Yield what a build tool or a package manager reads to know what to do."""
    place, arguments = _moved(name, arguments, place)
    targets = tuple(word for word in arguments if not word.startswith("-") and "=" not in word)
    for tool in tools.tools:
        if name in tool.names:
            named = [
                place.path(word)
                for option, word in pairwise(arguments)
                if option in ("-f", "--file")
            ]
            for path in list(filter(None, named)) or place.matching(tool.files):
                yield Item(path=path, words=targets, compared=place.compared)
    for manifest in tools.manifests:
        if name in manifest.names and (path := place.path(manifest.file)):
            yield Item(path=path, words=_script_names(name, targets), compared=place.compared)


def _moved(name: str, arguments: list[str], place: HarnessFile) -> tuple[HarnessFile, list[str]]:
    """Return the folder that an option of the tool names (make -C, npm --prefix, pnpm --dir), and
    the arguments without it."""
    options = {
        "make": ("-C", "--directory"),
        "gmake": ("-C", "--directory"),
        "npm": ("--prefix", "-w", "--workspace"),
        "pnpm": ("-C", "--dir", "--filter", "-F"),
        "yarn": ("--cwd",),
        "composer": ("-d", "--working-dir"),
        "gradle": ("-p", "--project-dir"),
        "gradlew": ("-p", "--project-dir"),
        "mvn": ("-f", "--file"),
        "ctest": ("--test-dir",),
    }
    for at, (option, word) in enumerate(pairwise(arguments)):
        if option in options.get(name, ()):
            rest = [*arguments[:at], *arguments[at + 2 :]]
            return (place.at(word), rest) if place.holds(word) else (place, rest)
    return place, arguments


def _script_names(name: str, words: Sequence[str]) -> tuple[str, ...]:
    """Return the scripts of a manifest that a command starts, with those that run before and after
    them."""
    known = [
        word for word in words if word not in ("run", "run-script", "exec", "x", "task", "dlx")
    ]
    started = known[:1] or (["test"] if name in ("npm", "pnpm", "yarn", "bun") else [])
    # Short names that npm itself has for `test`.
    plain = {"t": "test", "tst": "test", "cit": "test", "it": "test"}
    return tuple(
        f"{part}{plain.get(word, word)}" for word in started for part in ("pre", "", "post")
    )


def of_file(
    item: Item, text: str, tools: Tools, top: HarnessFile, *, whole: bool = False
) -> Iterator[Item]:
    """Yield what a file that is run runs itself, as far as its words tell; `whole`: also what it
    loads and leaves the judging to."""
    paths, place = top.paths, replace(top, compared=item.compared)
    name, folder = posixpath.basename(item.path), posixpath.dirname(item.path)
    if len(text) > MOST_TEXT:
        return
    if is_makefile(name):
        yield from _included(text, folder, paths)
        yield from of_command(recipes(text, item.words), tools, place.at(folder))
    elif manifest := next((m for m in tools.manifests if m.file == name), None):
        for script in chosen(manifest, text, item.words).values():
            yield from of_command(script, tools, place.at(folder))
    elif is_shell(name, text):
        yield from of_command(text, tools, place)
        yield from of_command(text, tools, place.at(folder))
    elif name.lower() in ("justfile", ".justfile") or name.startswith("Taskfile"):
        yield from of_command(
            re.sub(r"^\s*[@-]?\s*(?:- |cmd: )?", "", text, flags=re.MULTILINE),
            tools,
            place.at(folder),
        )
    else:
        yield from _imported(text, folder, tools, place, whole=whole)


def _imported(
    text: str, folder: str, tools: Tools, place: HarnessFile, *, whole: bool
) -> Iterator[Item]:
    """Yield the modules of the project that a program loads and that belong to how it judges, not
    to what is judged.

    Beside a tool's own main file lies the tool. Elsewhere only what judges itself counts, and only
    where the text that loads it judges nothing: who asserts names what is tested.
    """
    if is_tool_folder(folder, tools):
        yield from (
            Item(path=path)
            for path in loaded(text, folder, place)
            if posixpath.dirname(path) == folder
        )
    if whole or not tools.judging.search(text):
        yield from (Item(path=path, words=LOADED) for path in loaded(text, folder, place))


def loaded(text: str, folder: str, place: HarnessFile) -> Iterator[str]:
    """Yield the files of the project that a program text imports."""
    for pattern, kind in IMPORTS:
        for found in pattern.finditer(text):
            for word in (found[1] or (found[2] if pattern.groups > 1 else "") or "").split(","):
                yield from _resolved(word.split(" as ")[0].strip(), kind, folder, place)


def _resolved(word: str, kind: str, folder: str, place: HarnessFile) -> Iterator[str]:
    """Yield the file of the project that an import names, looked for beside it and at the top."""
    stem = word.strip(".").replace(".", "/") if kind == "python" else word
    ends = (
        (".py", "/__init__.py")
        if kind == "python"
        else ("", ".js", ".mjs", ".cjs", ".ts", ".rb", ".php", ".sh", ".pl", "/index.js")
    )
    for end in ends if stem else ():
        for top in dict.fromkeys((folder, "")):
            if path := place.path(posixpath.join(top, f"{stem}{end}")):
                yield path
                return


def is_tool_folder(folder: str, tools: Tools) -> bool:
    """Does this folder hold the project's own tools, by the name of its top?"""
    return bool(folder) and folder.split("/")[0] in tools.folders


def is_shell(name: str, text: str) -> bool:
    """Is this a script for a shell, by its name or its first line?"""
    first = text.split("\n", 1)[0]
    return name.endswith((".sh", ".bash", ".zsh", ".bats", ".env")) or bool(
        re.match(r"#!.*\b(?:ba|da|z|k|a)?sh\b", first)
    )


def counts(item: Item, text: str, tools: Tools) -> bool:
    """Does a file belong to how a command judges?

    Of what is merely loaded only what judges. A program whose output another command compares is
    the product, unless its place, its name or its arguments say that it tests something: `bin/shop
    total | grep 42` asks the shop, `./ci.sh | grep ok` its judge.
    """
    if item.words == LOADED:
        return bool(tools.judging.search(text))
    named = any(tools.testing.search(word) for word in (posixpath.basename(item.path), *item.words))
    in_tools = is_tool_folder(posixpath.dirname(item.path), tools) and not item.path.startswith(
        "bin/"
    )
    return not (item.program and item.compared) or named or in_tools


def part(item: Item, text: str, tools: Tools) -> str:
    """Return what of a file the command goes through: of a Makefile the rules of its targets, of a
    manifest the scripts, else all of it."""
    name = posixpath.basename(item.path)
    if is_makefile(name):
        return making(text, item.words)
    if manifest := next((m for m in tools.manifests if m.file == name), None):
        return json.dumps(chosen(manifest, text, item.words), sort_keys=True)
    return text


def put_back(item: Item, old: str, new: str | None, tools: Tools) -> str:
    """Return the text of a file with the base's part in it, and the rest as the candidate has it
    where that can be told apart."""
    name = posixpath.basename(item.path)
    if name not in ("package.json", "composer.json", "deno.json") or new is None:
        return old
    try:
        before, after = json.loads(old), json.loads(new)
        manifest = next(m for m in tools.manifests if m.file == name)
        for key in manifest.scripts:
            after[key] = before.get(key, {})
        return json.dumps(after, indent=2) + "\n"
    except (ValueError, TypeError, AttributeError):
        return old


def chosen(manifest: Manifest, text: str, words: Sequence[str]) -> dict[str, str]:
    """Return the scripts of a manifest that these words start, and those that they start in turn;
    all of them where no word names one."""
    scripts = _tables(manifest, text)
    if not any(word in scripts for word in words):
        return scripts if not words or manifest.file.endswith(".toml") else {}
    found: dict[str, str] = {}
    left = [word for word in words if word in scripts]
    while left:
        word = left.pop()
        if word not in found:
            found[word] = scripts[word]
            called = re.findall(r"[\w:.-]+", scripts[word])
            left += [
                f"{pre}{each}"
                for each in called
                for pre in ("pre", "", "post")
                if f"{pre}{each}" in scripts
            ]
    return found


def _tables(manifest: Manifest, text: str) -> dict[str, str]:
    """Return the scripts of a manifest by their names; all of its text where it cannot be read."""
    try:
        data = json.loads(text) if manifest.file.endswith(".json") else tomllib.loads(text)
    except ValueError:
        return {"": text}  # what cannot be read counts whole
    found: dict[str, str] = {}
    for dotted in manifest.scripts:
        table: Any = data
        for key in dotted.split("."):
            table = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict):
            found |= {
                str(key): value if isinstance(value, str) else written(value)
                for key, value in table.items()
            }
        elif table is not None:
            found[dotted] = written(table)
    return found


def written(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _included(text: str, folder: str, paths: Collection[str]) -> Iterator[Item]:
    """Yield the makefiles that a makefile includes."""
    place = HarnessFile(paths=paths, folder="")
    for line in text.splitlines():
        if found := INCLUDE.match(line):
            words = re.sub(r"\$\((?:wildcard|CURDIR)\s*([^)]*)\)", r"\1", found[1]).split()
            named = matcher(word.removeprefix("./") for word in words)
            yield from (
                Item(path=path)
                for path in paths
                if named(path) or named(posixpath.relpath(path, folder or "."))
            )
            yield from (item for word in words for item in _file(place.at(folder), word))


def traced_harness(read: Iterable[str], text_of: Mapping[str, str], tools: Tools) -> Iterator[Item]:
    """Of the files that a traced run read, those that are programs of a tool, whatever words
    led to them."""
    for path in read:
        name = posixpath.basename(path)
        text = text_of.get(path, "")
        is_program = SHEBANG.match(text) and is_tool_folder(posixpath.dirname(path), tools)
        if is_makefile(name) or is_program:
            yield Item(path=path)
