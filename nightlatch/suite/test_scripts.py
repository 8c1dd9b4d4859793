"""The lines that stand behind the name of a script: make, just, package.json, tox, nox,
composer, and scripts for a shell."""

import ast
import posixpath
import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from nightlatch.suite.runner_detection import Runner
from nightlatch.suite.suite_finder import Read
from nightlatch.util.paths import NOT_SUITES
from nightlatch.util.tables import read_json, read_toml, table_of

SCRIPTS = {"npm": ("run", "run-script"), "pnpm": ("run",), "yarn": ("run",), "bun": ("run",)}
EVERYWHERE = frozenset(
    {"--workspaces", "-ws", "-r", "--recursive", "-ws=true", "--workspaces=true"}
)
SHELLS = frozenset({"sh", "bash", "dash", "zsh"})
MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
JUSTFILES = ("justfile", "Justfile", ".justfile")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
EXPANDED = re.compile(r"[$`*]|\{[\w,.]+,")
DEEPEST = 8
# what a shell fills in outside quotes, and the private characters that stand for it inside
SIGNS, SHIELD = "*?$`", 0xE000
GO_HOME = re.compile(
    r"""cd\s+(?:--\s+)?["]?\$\((?:CDPATH=''\s+)?(?:cd\s+(?:--\s+)?["]?\$\()?dirname\s+(?:--\s+)?["]?\$(?:0|\{?BASH_SOURCE(?:\[0\])?\}?)["]?\)["]?"""
    r"""((?:/[\w./-]*)?)["]?"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptSources:
    """What a command is read by: the runners that are known, and the files of the base."""

    runners: tuple[Runner, ...]
    paths: Collection[str]
    read: Read

    def text(self, folder: str, *names: str) -> str:
        """Return the first of these files that is there."""
        for name in names:
            path = posixpath.normpath(posixpath.join(folder, name))
            if path in self.paths:
                return self.read(path)
        return ""


class UnreadableError(Exception):
    """A command of which reading alone does not show what it runs."""


def shielded(line: str) -> str:
    """Return the line with signs other than themselves where quotes take their meaning from
    them."""

    def quoted(found: re.Match[str]) -> str:
        meant = SIGNS if found[0].startswith("'") else SIGNS[:2]
        return "".join(
            chr(SHIELD + SIGNS.index(sign)) if sign in meant else sign for sign in found[0]
        )

    return re.sub(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", quoted, line)


def bare(word: str) -> str:
    """Return a word with these signs themselves again."""
    return "".join(
        SIGNS[ord(sign) - SHIELD] if SHIELD <= ord(sign) < SHIELD + len(SIGNS) else sign
        for sign in word
    )


def moved(folder: str, words: Sequence[str]) -> str:
    """Return the folder after `cd`."""
    aim = words[1] if len(words) == 2 else ""
    if not aim or EXPANDED.search(aim) or aim.startswith(("/", "~")):
        raise UnreadableError("it changes to a folder that is known only when it runs")
    new = posixpath.normpath(posixpath.join(folder, aim))
    if new.startswith(".."):
        raise UnreadableError("it leaves the project")
    return "" if new == "." else new


def scripted(
    words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """Return the lines that stand behind a script's name, each with its folder; None where no file
    tells."""
    program = posixpath.basename(words[0])
    if program in SCRIPTS:
        return package_script(program, words[1:], ground, folder)
    if program in SHELLS and len(words) == 3 and re.fullmatch(r"-\w*c", words[1]):
        return [(bare(words[2]), folder)]
    readers = {
        "make": make_target,
        "gmake": make_target,
        "just": just_recipe,
        "tox": tox_commands,
        "nox": nox_commands,
        "composer": composer_script,
    }
    if program in readers:
        return readers[program](words[1:], ground, folder)
    file = script_file(words)
    return shell_script(file, ground, folder) if file else None


def script_file(words: Sequence[str]) -> str:
    """Return the file that is run as a script, by a shell or by its own path; "" where none is."""
    if posixpath.basename(words[0]) in SHELLS:
        return words[1] if len(words) == 2 else ""
    # Without a slash the shell looks on PATH, where the project's files are not.
    return words[0] if len(words) == 1 and "/" in words[0] else ""


def shell_script(file: str, ground: ScriptSources, folder: str) -> list[tuple[str, str]] | None:
    """Return the lines of a script of the project, where it is one for a shell."""
    text = ground.text(folder, file)
    head = text.partition("\n")[0]
    if not text or (head.startswith("#!") and not re.search(r"\b(?:ba|da|z)?sh\b", head)):
        return None
    home = posixpath.dirname(posixpath.normpath(posixpath.join(folder, file)))
    lines: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#") or not line:
            continue
        # The common first line of a script: go to the folder in which the script itself lies.
        if found := GO_HOME.match(line):
            folder = posixpath.normpath(posixpath.join(home, found[1].strip("/") or "."))
            folder = "" if folder == "." else folder
            continue
        lines.append(line)
    return [("\n".join(lines), folder)]


def package_script(
    program: str, words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """Return what a script of package.json runs, in one package or in all of them."""
    call = read_package_call(program, words, folder)
    # `bun test` is bun's own runner; only `bun run test` is the script of that name.
    if program == "bun" and call.words[:1] == ("test",):
        return None
    name, more = script_and_arguments(program, call.words)
    homes = package_folders(ground, call.folder) if call.in_all_packages else [call.folder]
    lines = [(line, home) for home in homes for line in package_lines(name, more, ground, home)]
    return lines or None


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageCall:
    """A call of npm, pnpm, yarn or bun: its words without their own options, and where it runs."""

    words: tuple[str, ...]
    folder: str
    in_all_packages: bool


def read_package_call(program: str, words: Sequence[str], folder: str) -> PackageCall:
    """Return the call with the options of the program itself taken out and followed."""
    kept, in_all_packages = list[str](), False
    at = 0
    while at < len(words):
        word = words[at]
        is_followed = at + 1 < len(words)
        if is_followed and changes_folder(word, kept):
            folder = moved(folder, ("cd", words[at + 1]))
            at += 1
        elif word in EVERYWHERE:
            in_all_packages = True
        elif word == "--":
            kept += words[at + 1 :]
            break
        elif not is_own_option(program, word, kept):
            kept.append(word)
        at += 1
    return PackageCall(words=tuple(kept), folder=folder, in_all_packages=in_all_packages)


def changes_folder(word: str, before: Sequence[str]) -> bool:
    """Return whether the next word is the folder in which the program works."""
    # The short options mean this only before the script's name: after it they are the script's.
    return word in {"--prefix", "--cwd"} or (word in {"-C", "--dir"} and not before)


def is_own_option(program: str, word: str, before: Sequence[str]) -> bool:
    """Return whether the program takes this option itself, and does not hand it to the script."""
    if not word.startswith("-"):
        return False
    # npm takes every option that stands before --, the others only those before the script's name
    if program == "npm" or not before:
        return True
    return len(before) == 1 and before[0] in SCRIPTS[program]


def script_and_arguments(program: str, words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return the name of the script that is called, and the words handed to it."""
    if program == "npm" and words and words[0] in {"t", "tst"}:
        return "test", words[1:]
    if words and words[0] in SCRIPTS[program]:
        words = words[1:]
    return (words[0] if words else ""), words[1:]


def package_folders(ground: ScriptSources, folder: str) -> list[str]:
    """Return the folders below this one that hold a package of their own."""
    ends = sorted(
        path
        for path in ground.paths
        if path.endswith("/package.json") and not NOT_SUITES.search(path)
    )
    return [posixpath.dirname(path) for path in ends if not folder or path.startswith(f"{folder}/")]


def package_lines(
    name: str, more: Sequence[str], ground: ScriptSources, folder: str
) -> Iterator[str]:
    """Yield a script with the one that runs before it."""
    scripts = table_of(read_json(ground.text(folder, "package.json")), "scripts")
    own = scripts.get(name)
    if isinstance(own, str):
        before = scripts.get(f"pre{name}")
        if isinstance(before, str):
            yield before
        yield f"{own} {shlex.join(more)}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeCall:
    """A call of make: its targets, the variables set for it, its file and its folder."""

    targets: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]
    file: str
    folder: str


def make_target(
    words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """Return the recipe of a make target, its prerequisites before it."""
    call = read_make_call(words, folder)
    text = ground.text(call.folder, *([call.file] if call.file else MAKEFILES))
    if not text:
        return None
    rules, variables = makefile(text)
    # make lets a variable of the command line win over the file's
    variables |= dict(call.variables)
    targets = call.targets or (next(iter(rules), ""),)
    lines = [line for target in targets for line in recipe(target, rules, variables, set())]
    return [(line, call.folder) for line in lines] or None


def read_make_call(words: Sequence[str], folder: str) -> MakeCall:
    """Return what the words after `make` ask for."""
    targets, variables, file = list[str](), list[tuple[str, str]](), ""
    rest = iter(words)
    for word in rest:
        if word in {"-C", "--directory"}:
            folder = moved(folder, ("cd", next(rest, "")))
        elif word in {"-f", "--file", "--makefile"}:
            file = next(rest, "")
        elif word in {"-j", "-l", "-o"}:
            continue
        elif ASSIGNMENT.fullmatch(word):
            name, _, value = word.partition("=")
            variables.append((name, value))
        # a bare number is what -j or -l took: no target is called so
        elif not word.startswith("-") and not word.isdigit():
            targets.append(word)
    return MakeCall(targets=tuple(targets), variables=tuple(variables), file=file, folder=folder)


def makefile(text: str) -> tuple[dict[str, tuple[list[str], list[str]]], dict[str, str]]:
    """Rules by target: prerequisites and recipe lines; and the plain variables."""
    rules: dict[str, tuple[list[str], list[str]]] = {}
    variables: dict[str, str] = {}
    here: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("\t"):
            for name in here:
                rules[name][1].append(line.strip())
        elif found := re.match(r"(?:export\s+)?([\w.]+)\s*(?:\?|:|::)?=\s*(.*)", line):
            variables[found[1]] = found[2].partition(" #")[0].strip()
        elif found := re.match(r"([\w.\-/ ]+?)\s*::?(?!=)\s*([^;#]*)(?:;(.*))?", line):
            here = [name for name in found[1].split() if name != ".PHONY"]
            for name in here:
                needs, lines = rules.setdefault(name, ([], []))
                needs += [word for word in found[2].split() if word != "|"]
                lines += [found[3].strip()] if found[3] else []
    return rules, variables


def recipe(
    target: str,
    rules: dict[str, tuple[list[str], list[str]]],
    variables: dict[str, str],
    seen: set[str],
) -> Iterator[str]:
    """Yield the lines that make runs for a target, with plain variables filled in."""
    if target in seen or target not in rules:
        return
    seen.add(target)
    needs, lines = rules[target]
    for need in needs:
        yield from recipe(need, rules, variables, seen)
    for line in lines:
        yield filled_in(
            line.lstrip("@-+ "), {**variables, "MAKE": variables.get("MAKE", "make"), "@": target}
        )


def filled_in(line: str, variables: dict[str, str]) -> str:
    """Return a recipe line as the shell gets it.

    A variable that is not known stays, and the line cannot be read then.
    """
    for _ in range(DEEPEST):
        new = re.sub(r"\$[({](\w+)[)}]", lambda found: variables.get(found[1], found[0]), line)
        if new == line:
            break
        line = new
    return line.replace("$$", "$")


def just_recipe(
    words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """Return the lines of a recipe of a justfile, its dependencies before it."""
    text = ground.text(folder, *JUSTFILES)
    names = [word for word in words if not word.startswith("-")]
    rules, variables = justfile(text)
    target = names[0] if names else next(iter(rules), "")
    # A recipe that opens with #! is one script in some language, not lines for a shell.
    if target not in rules or any(line.startswith("#!") for line in rules[target][1]):
        return None
    lines = (
        re.sub(r"\{\{\s*(\w+)\s*\}\}", r"$(\1)", line) for line in recipe(target, rules, {}, set())
    )
    defaults = dict(re.findall(r"\*?(\w+)=[\"']([^\"']*)[\"']", text)) | {"args": ""}
    return [(filled_in(line, {**defaults, **variables}), folder) for line in lines] or None


def justfile(text: str) -> tuple[dict[str, tuple[list[str], list[str]]], dict[str, str]]:
    """Recipes by name: dependencies and lines; and the plain variables."""
    rules: dict[str, tuple[list[str], list[str]]] = {}
    variables: dict[str, str] = {}
    here = ""
    for line in text.splitlines():
        if line[:1] in {" ", "\t"} and here:
            rules[here][1].append(line.strip())
        elif found := re.match(r"(\w+)\s*:=\s*[\"']?([^\"']*)[\"']?\s*$", line):
            variables[found[1]] = found[2]
        elif found := re.match(r"@?([\w-]+)([^:]*):(?!=)\s*([^#]*)", line):
            here = found[1]
            rules[here] = (found[3].replace("&&", " ").split(), [])
    return rules, variables


def tox_commands(
    words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """Return the commands of a tox environment."""
    env = word_after(words, {"-e", "--env"}).split(",")[0]
    more = list(words[words.index("--") + 1 :]) if "--" in words else []
    lines = tox_ini(ground.text(folder, "tox.ini"), env) or toxread_toml(ground, folder, env)
    return [(posargs(line, more), folder) for line in lines] or None


def tox_ini(text: str, env: str) -> list[str]:
    """Return the commands of an environment in tox.ini, or those of every environment."""
    for section in (f"testenv:{env}", "testenv"):
        found = re.search(
            rf"^\[{re.escape(section)}\][^\n]*\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL
        )
        own = re.search(
            r"^commands\s*=(.*(?:\n(?:[ \t]+.*|[ \t]*))*)", found[1] if found else "", re.MULTILINE
        )
        if own:
            lines = own[1].replace("\\\n", " ").splitlines()
            return [line.strip().lstrip("-").strip() for line in lines if line.strip()]
    return []


def toxread_toml(ground: ScriptSources, folder: str, env: str) -> list[str]:
    """tox 4 keeps commands as lists of words, in tox.toml or pyproject.toml, and takes an ini
    file as one text too."""
    own = read_toml(ground.text(folder, "tox.toml"))
    tool = table_of(table_of(read_toml(ground.text(folder, "pyproject.toml")), "tool"), "tox")
    for table in (own, tool):
        if isinstance(legacy := table.get("legacy_tox_ini"), str):
            return tox_ini(legacy, env)
        for place in (
            table_of(table_of(table, "env"), env),
            table_of(table, "env_run_base"),
            table,
        ):
            commands = place.get("commands")
            if isinstance(commands, list):
                lines = [line for line in commands if isinstance(line, list)]
                return [
                    shlex.join(word if isinstance(word, str) else "{posargs}" for word in line)
                    for line in lines
                ]
    return []


def posargs(line: str, more: Sequence[str]) -> str:
    """Return a line of tox with what stands for further words filled in."""
    line = re.sub(
        r"'?\{posargs(?::([^}]*))?\}'?|\{\[\]posargs\}",
        lambda found: shlex.join(more) if more else found[1] or "",
        line,
    )
    return (
        re.sub(r"\{env_?python\}|\{env_python\}", "python", line)
        .replace("{toxinidir}", ".")
        .replace("{tox_root}", ".")
    )


def nox_commands(
    words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """Return what the sessions of a noxfile run, as far as it is written out."""
    # `tests-3.12` and `tests(numpy='2')` are runs of one function by several parameters
    session = word_after(words, {"-s", "--session", "--sessions", "-e"})
    session = session.partition("-")[0].partition("(")[0]
    try:
        tree = ast.parse(ground.text(folder, "noxfile.py"))
    except (SyntaxError, ValueError):
        return None
    lines: list[tuple[str, str]] = []
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef) or not function.decorator_list:
            continue
        if session and session not in session_names(function):
            continue
        commands = session_commands(function)
        if commands is None:
            return None
        lines += [(command, folder) for command in commands]
    return lines or None


def word_after(words: Sequence[str], options: Collection[str]) -> str:
    """Return the value of the first of these options; "" where there is none."""
    at = next((n for n, word in enumerate(words) if word in options), len(words))
    return words[at + 1] if at + 1 < len(words) else ""


def session_names(function: ast.FunctionDef) -> set[str]:
    """Return the names by which a session of a noxfile can be called."""
    decorators = " ".join(map(ast.unparse, function.decorator_list))
    return {function.name, *re.findall(r"name=['\"]([^'\"]+)", decorators)}


def session_commands(function: ast.FunctionDef) -> list[str] | None:
    """Return the commands of one session; None where a word is known only when it runs."""
    calls = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "session.run"
    ]
    commands: list[str] = []
    # ast.walk goes level by level: a call in a `with` would come after the later lines
    for call in sorted(calls, key=lambda node: node.lineno):
        constants = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        computed = [arg for arg in call.args if not isinstance(arg, ast.Constant)]
        if any(ast.unparse(arg) != "*session.posargs" for arg in computed):
            return None
        commands.append(shlex.join(word for word in constants if isinstance(word, str)))
    return commands


def composer_script(
    words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """Return a script of composer.json."""
    names = [
        word
        for word in words
        if not word.startswith("-") and word not in {"run", "run-script", "exec"}
    ]
    scripts = table_of(read_json(ground.text(folder, "composer.json")), "scripts")
    script = scripts.get(names[0] if names else "")
    parts = script if isinstance(script, list) else [script] if isinstance(script, str) else []
    lines = [composer_line(str(part)) for part in parts]
    kept = [line for line in lines if not line.startswith("composer putenv")]
    return [(line, folder) for line in kept] or None


def composer_line(part: str) -> str:
    """Return a part of a composer script as a shell would run it: @name is another script."""
    if not part.startswith("@"):
        return part
    return part.removeprefix("@php ").replace("@", "composer ", 1)
