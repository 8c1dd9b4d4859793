"""The lines that stand behind the name of a script: make, just, package.json, tox, nox,
composer, and scripts for a shell."""

import ast
import json
import posixpath
import re
import shlex
import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nightlatch.suite.runner_detection import Runner
from nightlatch.suite.suite_finder import Read
from nightlatch.util.paths import NOT_SUITES

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
        """The first of these files that is there."""
        for name in names:
            path = posixpath.normpath(posixpath.join(folder, name))
            if path in self.paths:
                return self.read(path)
        return ""


class UnreadableError(Exception):
    """A command that cannot be told apart into plain programs."""


def shielded(line: str) -> str:
    """The line with signs other than themselves where quotes take their meaning from them."""

    def quoted(found: re.Match[str]) -> str:
        meant = SIGNS if found[0].startswith("'") else SIGNS[:2]
        return "".join(
            chr(SHIELD + SIGNS.index(sign)) if sign in meant else sign for sign in found[0]
        )

    return re.sub(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", quoted, line)


def bare(word: str) -> str:
    """A word with these signs themselves again."""
    return "".join(
        SIGNS[ord(sign) - SHIELD] if SHIELD <= ord(sign) < SHIELD + len(SIGNS) else sign
        for sign in word
    )


def moved(folder: str, words: Sequence[str]) -> str:
    """The folder after `cd`."""
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
    """The lines that stand behind a script's name, each with its folder; None where no file
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
    }
    readers |= {"composer": composer_script}
    if program in readers:
        return readers[program](words[1:], ground, folder)
    file = (
        words[1]
        if program in SHELLS and len(words) == 2
        else words[0]
        if len(words) == 1 and "/" in words[0]
        else ""
    )
    return shell_script(file, ground, folder) if file else None


def shell_script(file: str, ground: ScriptSources, folder: str) -> list[tuple[str, str]] | None:
    """The lines of a script of the project, where it is one for a shell."""
    text = ground.text(folder, file)
    head = text.partition("\n")[0]
    if not text or (head.startswith("#!") and not re.search(r"\b(?:ba|da|z)?sh\b", head)):
        return None
    home = posixpath.dirname(posixpath.normpath(posixpath.join(folder, file)))
    place, lines = folder, list[str]()
    for line in text.splitlines():
        if line.strip().startswith("#") or not line.strip():
            continue
        if found := GO_HOME.match(line.strip()):
            place = posixpath.normpath(posixpath.join(home, found[1].strip("/") or "."))
            place = "" if place == "." else place
            continue
        lines.append(line.strip())
    return [("\n".join(lines), place)]


def package_script(
    program: str, words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """What a script of package.json runs, in one package or in all of them."""
    rest, everywhere = list[str](), False
    at = 0
    while at < len(words):
        word = words[at]
        if at + 1 < len(words) and (
            word in {"--prefix", "--cwd"} or (word in {"-C", "--dir"} and not rest)
        ):
            folder = moved(folder, ("cd", words[at + 1]))
            at += 1
        elif word in EVERYWHERE:
            everywhere = True
        elif word == "--":
            rest += words[at + 1 :]
            break
        elif word.startswith("-") and (
            program == "npm" or not rest or (len(rest) == 1 and rest[0] in SCRIPTS[program])
        ):
            pass  # options of the program itself: npm takes all of them that stand before --
        else:
            rest.append(word)
        at += 1
    name = "test" if rest[:1] in (["t"], ["tst"]) and program == "npm" else rest[0] if rest else ""
    more = rest[1:]
    if name in SCRIPTS[program]:
        name, more = (rest[1], rest[2:]) if len(rest) > 1 else ("", [])
    if program == "bun" and name == "test" and rest[:1] == ["test"]:
        return None
    homes = [folder]
    if everywhere:
        ends = sorted(
            path
            for path in ground.paths
            if path.endswith("/package.json") and not NOT_SUITES.search(path)
        )
        homes = [
            posixpath.dirname(path) for path in ends if not folder or path.startswith(f"{folder}/")
        ]
    lines = [(line, home) for home in homes for line in package_lines(name, more, ground, home)]
    return lines or None


def package_lines(
    name: str, more: Sequence[str], ground: ScriptSources, folder: str
) -> Iterator[str]:
    """A script with the one that runs before it."""
    scripts = table_of(_json(ground.text(folder, "package.json")), "scripts")
    own = scripts.get(name)
    if isinstance(own, str):
        before = scripts.get(f"pre{name}")
        if isinstance(before, str):
            yield before
        yield f"{own} {shlex.join(more)}".strip()


def make_target(
    words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """The recipe of a make target, its prerequisites before it."""
    targets, given, file = list[str](), dict[str, str](), ""
    rest = iter(words)
    for word in rest:
        if word in {"-C", "--directory"}:
            folder = moved(folder, ("cd", next(rest, "")))
        elif word in {"-f", "--file", "--makefile"}:
            file = next(rest, "")
        elif word in {"-j", "-l", "-o"}:
            continue
        elif ASSIGNMENT.fullmatch(word):
            given[word.partition("=")[0]] = word.partition("=")[2]
        elif not word.startswith("-") and not word.isdigit():
            targets.append(word)
    text = ground.text(folder, *([file] if file else MAKEFILES))
    if not text:
        return None
    rules, variables = makefile(text)
    aims = targets or [next(iter(rules), "")]
    lines = [line for aim in aims for line in recipe(aim, rules, {**variables, **given}, set())]
    return [(line, folder) for line in lines] or None


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
    """The lines that make runs for a target, with plain variables filled in."""
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
    """A recipe line as the shell gets it.

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
    """The lines of a recipe of a justfile, its dependencies before it."""
    text = ground.text(folder, *JUSTFILES)
    names = [word for word in words if not word.startswith("-")]
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
    aim = names[0] if names else next(iter(rules), "")
    if aim not in rules or any(line.startswith("#!") for line in rules[aim][1]):
        return None
    lines = (
        re.sub(r"\{\{\s*(\w+)\s*\}\}", r"$(\1)", line) for line in recipe(aim, rules, {}, set())
    )
    defaults = dict(re.findall(r"\*?(\w+)=[\"']([^\"']*)[\"']", text)) | {"args": ""}
    return [(filled_in(line, {**defaults, **variables}), folder) for line in lines] or None


def tox_commands(
    words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """The commands of a tox environment."""
    at = next((n for n, word in enumerate(words) if word in {"-e", "--env"}), None)
    env = words[at + 1].split(",")[0] if at is not None and at + 1 < len(words) else ""
    more = list(words[words.index("--") + 1 :]) if "--" in words else []
    lines = tox_ini(ground.text(folder, "tox.ini"), env) or tox_toml(ground, folder, env)
    return [(posargs(line, more), folder) for line in lines] or None


def tox_ini(text: str, env: str) -> list[str]:
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


def tox_toml(ground: ScriptSources, folder: str, env: str) -> list[str]:
    """tox 4 keeps commands as lists of words, in tox.toml or pyproject.toml, and takes an ini
    file as one text too."""
    own = _toml(ground.text(folder, "tox.toml"))
    tool = table_of(table_of(_toml(ground.text(folder, "pyproject.toml")), "tool"), "tox")
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
    """A line of tox with what stands for further words filled in."""
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
    """What the sessions of a noxfile run, as far as it is written out."""
    at = next(
        (n for n, word in enumerate(words) if word in {"-s", "--session", "--sessions", "-e"}), None
    )
    wanted = (
        words[at + 1].partition("-")[0].partition("(")[0]
        if at is not None and at + 1 < len(words)
        else ""
    )
    try:
        tree = ast.parse(ground.text(folder, "noxfile.py"))
    except (SyntaxError, ValueError):
        return None
    lines: list[tuple[str, str]] = []
    for function in (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.decorator_list
    ):
        named = {
            function.name,
            *re.findall(
                r"name=['\"]([^'\"]+)", " ".join(map(ast.unparse, function.decorator_list))
            ),
        }
        if wanted and wanted not in named:
            continue
        runs = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "session.run"
        ]
        for call in sorted(runs, key=lambda node: node.lineno):
            words_of = [
                arg.value
                for arg in call.args
                if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
            ]
            rest = [arg for arg in call.args if not isinstance(arg, ast.Constant)]
            if any(ast.unparse(arg) != "*session.posargs" for arg in rest):
                return None
            lines.append((shlex.join(words_of), folder))
    return lines or None


def composer_script(
    words: Sequence[str], ground: ScriptSources, folder: str
) -> list[tuple[str, str]] | None:
    """A script of composer.json."""
    names = [
        word
        for word in words
        if not word.startswith("-") and word not in {"run", "run-script", "exec"}
    ]
    script = table_of(_json(ground.text(folder, "composer.json")), "scripts").get(
        names[0] if names else ""
    )
    parts = [script] if isinstance(script, str) else script if isinstance(script, list) else []
    lines = [
        (
            str(part).removeprefix("@php ").replace("@", "composer ", 1)
            if str(part).startswith("@")
            else str(part)
        )
        for part in parts
    ]
    kept = [line for line in lines if not line.startswith("composer putenv")]
    return [(line, folder) for line in kept] or None


def table_of(data: object, key: str) -> dict[str, Any]:
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _json(text: str) -> object:
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
