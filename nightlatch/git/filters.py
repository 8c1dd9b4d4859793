"""What git makes of a file before it keeps it: line ends, keywords and the person's filters,
for files that an agent wrote.

The rules are the base's .gitattributes and the person's own; the commands are those of the person's
configuration. Nothing that an agent can write says which of them runs: `rules` is a folder with the
base's .gitattributes and nothing else. Line ends and keywords are in a workspace as git keeps them;
what a filter or an encoding makes of a file is shown there.
"""

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from nightlatch.errors import RepoError
from nightlatch.git.command import GitCommand, printed_id, words
from nightlatch.git.repo import Repo
from nightlatch.util import outside

NAMES = ("text", "eol", "crlf", "ident", "filter", "working-tree-encoding")
OFF = ("unspecified", "unset")
QUIET = ("core.safecrlf=false",)


def as_kept(
    repo: Repo,
    rules: Path,
    blobs: Iterable[tuple[str, str, str]],
    refuses: Callable[[str, str], bool] = lambda _path, _text: False,
) -> Iterator[tuple[str, str]]:
    """Of these paths, blobs and blobs of the base ("": none) those that `git add` would keep
    otherwise, with the blob that it would make ("" where a filter fails, or where `refuses`
    does not want a path's text, which was in another encoding).

    Raises RepoError for a filter whose command lies in the project, where an agent can change it.
    """
    blobs = list(blobs)
    if not blobs:
        return
    breaks = converts_breaks(repo)
    # Mostly no file can be kept otherwise than it is.
    if not breaks and not rule_files(repo, rules):
        return
    every = attributes(repo, rules, [path for path, _, _ in blobs])
    for (path, oid, old), rule in zip(blobs, every, strict=True):
        blob = None if oid == old else repo.find(oid)
        if blob is None or not may_be_kept_otherwise(repo, rule, blob[2], old, breaks=breaks):
            continue
        # Secrets were looked for in the bytes: in another encoding they were not seen there.
        if refuses(path, decoded(blob[2], rule["working-tree-encoding"])):
            yield path, ""
            continue
        kept = cleaned(repo, rules, path, blob[2])
        if kept != oid:
            yield path, kept


def may_be_kept_otherwise(
    repo: Repo, rule: Mapping[str, str], data: bytes, old: str, *, breaks: bool
) -> bool:
    """Return whether git has to be asked what it makes of a file, whose blob in the base is `old`:
    for most files this can be told without a process."""
    if rule["filter"] not in OFF or rule["working-tree-encoding"] not in OFF:
        return True
    if rule["ident"] == "set" and b"$Id:" in data:
        return True
    if b"\r" not in data or not has_converted_breaks(rule, breaks=breaks):
        return False
    # Git leaves the line ends of a file alone that has been kept with them, unless a rule names it.
    return not (is_text_by_chance(rule) and bool(old) and has_breaks(data_of(repo, old)))


def has_converted_breaks(rule: Mapping[str, str], *, breaks: bool) -> bool:
    """Return whether line ends are converted, by a rule or by the person's configuration."""
    named = any(rule[name] not in OFF for name in ("text", "eol", "crlf"))
    return named or (breaks and rule["text"] != "unset")


def is_text_by_chance(rule: Mapping[str, str]) -> bool:
    """Return whether no rule says outright that a file is a text."""
    if rule["text"] == "auto":
        return True
    return rule["text"] == "unspecified" and rule["eol"] in OFF and rule["crlf"] in OFF


def data_of(repo: Repo, oid: str) -> bytes:
    blob = repo.find(oid)
    return blob[2] if blob else b""


def cleaned(repo: Repo, rules: Path, path: str, data: bytes) -> str:
    """Return the blob that `git add` would make of a file, "" where a filter fails."""
    stored = persons_command(repo, rules, "hash-object", "-w", "--stdin", f"--path={path}")
    done = stored.finish(data)
    return printed_id(done.stdout) if done.returncode == 0 else ""


def decoded(data: bytes, coding: str) -> str:
    """Return a text in an encoding as git names it, "" where it is none, or in none of its own."""
    try:
        return "" if coding in OFF else data.decode(coding.upper().removesuffix("-BOM"))
    except (LookupError, UnicodeError):
        return ""


def has_breaks(data: bytes) -> bool:
    """Return whether this is, by git's own measure, a text with line ends of two characters."""
    if b"\r\n" not in data or b"\0" in data or b"\r" in data.replace(b"\r\n", b""):
        return False
    odd = sum(byte == 127 or (byte < 32 and byte not in b"\n\r\t\b\x1b\f") for byte in data)
    signs = len(data) - odd - data.count(b"\n") - data.count(b"\r")
    return signs >> 7 >= odd


def as_seen(
    repo: Repo, rules: Path, blobs: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, bytes]]:
    """Of these paths and blobs those that a filter of the person's, or an encoding, shows
    otherwise in a checkout, with what it shows.

    One that it cannot show, such as a large file that is not here, stays as git keeps it. Raises
    RepoError as `as_kept` does.
    """
    blobs = list(blobs)
    said_so = (file.read_text("utf-8", "replace") for file in rule_files(repo, rules))
    if not blobs or not any(
        "filter" in text or "working-tree-encoding" in text for text in said_so
    ):
        return
    for (path, oid), said in zip(
        blobs, attributes(repo, rules, [path for path, _ in blobs]), strict=True
    ):
        if said["filter"] in OFF and said["working-tree-encoding"] in OFF:
            continue
        shown = persons_command(
            repo, rules, "cat-file", "--filters", f"--path={path}", oid
        ).finish()
        if shown.returncode == 0:
            yield path, shown.stdout


def rule_files(repo: Repo, rules: Path) -> list[Path]:
    """Return the files that say what git makes of other files: the base's and the person's."""
    return [
        *rules.rglob(".gitattributes"),
        *(place for place in repo.rules.attributes if place.is_file()),
    ]


def converts_breaks(repo: Repo) -> bool:
    """Return whether the person has git convert line ends in files that no rule names."""
    said = repo.as_person("config", "--get", "core.autocrlf").finish().stdout.strip().lower()
    return said in (b"true", b"input", b"1", b"yes", b"on")


def attributes(repo: Repo, rules: Path, paths: list[str]) -> list[dict[str, str]]:
    """Return what the rules say of each path, in the order of the paths.

    Raises RepoError for a filter that `trusted` refuses.
    """
    printed = words(
        persons_command(repo, rules, "check-attr", "-z", "--stdin", *NAMES).output(
            os.fsencode("".join(f"{path}\0" for path in paths))
        )
    )
    each = 3 * len(NAMES)
    found = [
        dict(zip(NAMES, printed[start + 2 : start + each : 3], strict=True))
        for start in range(0, len(printed), each)
    ]
    for name in {said["filter"] for said in found} - {*OFF}:
        trusted(repo, name)
    return found


def persons_command(repo: Repo, rules: Path, *args: str) -> GitCommand:
    """Return a git command by the person's configuration, with the attributes of the base and no
    other files."""
    env = {"GIT_WORK_TREE": str(rules), "GIT_INDEX_FILE": str(rules.with_name("no index"))}
    return replace(repo.as_person(*args, settings=QUIET, env=env), cwd=rules)


def is_configured(repo: Repo, name: str) -> bool:
    """Return whether the person's configuration says what this filter runs."""
    kinds = (f"filter.{name}.{kind}" for kind in ("clean", "process"))
    return any(repo.as_person("config", "--get", kind).finish().stdout.strip() for kind in kinds)


def trusted(repo: Repo, name: str) -> None:
    """Raise RepoError where a command of this filter is a file of the project, which an agent could
    change."""
    for kind in ("clean", "process"):
        asked = repo.as_person("config", "--get", f"filter.{name}.{kind}")
        command = os.fsdecode(asked.finish().stdout).strip()
        try:
            parts = shlex.split(command)
        except ValueError:
            parts = command.split()
        for part in parts:
            place = str(repo.top / part)  # an absolute one stays what it is
            # `git` and `cat` are looked for on PATH; only what lies in the project is a file of it.
            is_file = Path(part).is_absolute() or os.path.lexists(place)
            if is_file and outside.in_project(place, repo.top) is not None:
                problem = (
                    f"the filter {name} runs {part}, a file of the project, on everything that is"
                    " added; an agent could change it"
                )
                fix = (
                    f"keep the program elsewhere: git config filter.{name}.{kind}"
                    f" /a/folder/outside/{Path(part).name}"
                )
                raise RepoError(problem, place=str(repo.top), fix=fix)
