"""What a candidate may reach: pure rules that put forbidden changes back to the base and say so."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import filterfalse

from nightlatch.git.model import Change, differs
from nightlatch.model.models import Reason
from nightlatch.model.rules import rules as every_rule
from nightlatch.util.globs import matcher
from nightlatch.util.paths import GITLINK, LINK, folders

# Bytes: a larger file is named, and one that is much larger is not even looked at.
LARGE, TOO_LARGE = 1_000_000, 100_000_000
# Paths that are named of one rule: a vendored folder has thousands.
SHOWN = 20
DOT_GIT = re.compile(r"(?:\A|[/\\])(?:\.git|git~1)[ .]*(?:[/\\:]|\Z)", re.IGNORECASE)
DOT_GITMODULES = re.compile(
    r"(?:\A|/)(?:\.gitmodules[ .]*|gitmod~[1-4]|gi7e[0-9a-z]*~[0-9]+)(?::.*)?\Z", re.IGNORECASE
)
# Letters that HFS+ leaves out of names: with them `.git` can be spelled so that it looks otherwise.
UNSEEN = dict.fromkeys(
    (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)
)
# What Python loads before it reads a line of this program, by whichever start: led into the
# project, by PYTHONPATH, it would run that as the person. In that place each of them breaks any
# Python that is started there, so no project has them.
EARLY = (
    "encodings|re|importlib|types|warnings|collections|contextlib|copyreg|enum|functools|keyword"
    "|operator|reprlib"
)
SHADOW = re.compile(
    rf"(?:(?:.*/)?(?:_?pytest|unittest|sitecustomize|usercustomize|nightlatch)|{EARLY}|(?:src|lib|python)/encodings)"
    r"(?:/__init__)?\.(?:pyc?|(?:[\w-]+\.)?so)|(?:.*/)?(?:site|dist)-packages/[^/]+\.pth"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for one feature; all patterns are relative to the repository's top.

    `project` is its folder, "" for the top itself.
    """

    protected: tuple[str, ...] = ()
    may_change: tuple[str, ...] = ()
    project: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceScan:
    """What was seen in a workspace.

    `links` are the targets of changed symbolic links, `sizes` the bytes of changed files, `secrets`
    what was found in files that came in as a note in their place, or in names that did not come in;
    `tables` are the files whose settings of this program changed, each with the id of a blob that
    has them as the base has, or with ""; `beneath` are files of submodules that were changed, what
    begins with "new" is a new one; the rest are paths that cannot be in a candidate: repositories
    inside it, pipes and devices, what could not be read, what is too large to be looked at.
    """

    changes: tuple[Change, ...]
    links: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    nested: tuple[str, ...] = ()
    special: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    too_large: tuple[str, ...] = ()
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    beneath: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeResult:
    """The changes that stay in the candidate, and what is to be said about those and about the
    others."""

    changes: tuple[Change, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """The changes of a workspace by what becomes of them.

    `restored` are protected and put back. Of the `free` ones those that follow cannot be in a
    candidate: submodules, links that lead out, files that shadow a runner or this program, names
    that git refuses, links whose target is a secret, and what a restored file needs as a folder
    (`in_the_way`). `tables` are files in which this program's settings changed.
    """

    restored: tuple[Change, ...]
    free: tuple[Change, ...]
    gitlinks: tuple[Change, ...]
    leaving: tuple[Change, ...]
    shadows: tuple[Change, ...]
    unnamable: tuple[Change, ...]
    secret_links: tuple[Change, ...]
    in_the_way: frozenset[str]
    tables: Mapping[str, str]

    @property
    def mixed(self) -> list[str]:
        """The files whose settings cannot be told from the rest of their text."""
        return [path for path, oid in self.tables.items() if not oid]

    @property
    def left_out(self) -> frozenset[str]:
        refused = (
            *self.gitlinks,
            *self.leaving,
            *self.shadows,
            *self.unnamable,
            *self.secret_links,
        )
        return self.in_the_way | {*self.mixed, *paths(refused)}


def judge(seen: WorkspaceScan, rules: Rules) -> ScopeResult:
    """Sort out what may be in a candidate.

    What is refused is put back as well, so that carried work does not carry it.
    """
    parts = sort(seen, rules)
    left_out = parts.left_out
    staying = (c for c in parts.free if c.path not in left_out)
    own = (replace(c, new_oid=parts.tables.get(c.path, c.new_oid)) for c in staying)
    kept = tuple(filter(differs, own))
    named = {**refused_names(seen, parts), **questions(seen, rules, kept)}
    return ScopeResult(changes=kept, reasons=tuple(remarks(seen, kept, named)))


def sort(seen: WorkspaceScan, rules: Rules) -> Sorted:
    """Return the changes by what becomes of them."""
    protected, allowed = matcher(rules.protected), matcher(rules.may_change)

    def is_restored(change: Change) -> bool:
        return protected(change.path) and not allowed(change.path)

    restored = tuple(filter(is_restored, seen.changes))
    free = tuple(filterfalse(is_restored, seen.changes))
    links = [c for c in free if c.new_mode == LINK]
    tables = [c.path for c in free if c.path in seen.tables and not allowed(c.path)]
    return Sorted(
        restored=restored,
        free=free,
        gitlinks=tuple(filter(is_gitlink, free)),
        leaving=tuple(c for c in links if leaves(c.path, seen.links.get(c.path, ""))),
        shadows=tuple(filter(is_shadow, free)),
        unnamable=tuple(filterfalse(namable, free)),
        secret_links=tuple(c for c in links if c.path in seen.secrets),
        in_the_way=folders_of(c.path for c in restored if c.old_mode),
        tables={path: seen.tables[path] for path in tables},
    )


def is_gitlink(change: Change) -> bool:
    """Is a path a submodule, or was it one?"""
    return GITLINK in (change.old_mode, change.new_mode)


def is_shadow(change: Change) -> bool:
    """Would Python load this new file in place of what judges?"""
    return change.status == "A" and SHADOW.fullmatch(change.path) is not None


def folders_of(files: Iterable[str]) -> frozenset[str]:
    """Return every folder that these files need."""
    return frozenset(folder for path in files for folder in folders(path))


def refused_names(seen: WorkspaceScan, parts: Sorted) -> dict[str, list[str]]:
    """Return what is named for rules about changes that do not stay."""
    put_back = set(paths(parts.restored))
    left_out = parts.left_out
    secrets = ((path, lines) for path, lines in seen.secrets.items() if path not in put_back)
    tables = (path for path, oid in parts.tables.items() if oid and path not in left_out)
    in_the_way = (c.path for c in parts.free if c.path in parts.in_the_way)
    return {
        "scope.gitlink": [c.path for c in parts.gitlinks if c.new_mode],
        "scope.link-leaves-tree": [
            f"{c.path} -> {seen.links.get(c.path, '')}" for c in parts.leaving
        ],
        "scope.runner-shadow": paths(parts.shadows),
        "scope.settings-table": parts.mixed,
        "scope.protected-path": [
            *paths(parts.restored),
            *in_the_way,
            *(f"{path} [tool.nightlatch]" for path in tables),
        ],
        "scope.unnamable": paths(parts.unnamable),
        "scope.secret": [line for _, lines in secrets for line in lines],
    }


def questions(seen: WorkspaceScan, rules: Rules, kept: Iterable[Change]) -> dict[str, list[str]]:
    """Return what is named for rules about changes that stay, and about submodules."""
    protected, allowed = matcher(rules.protected), matcher(rules.may_change)
    inside = posixpath.join(rules.project, "")
    own = paths(kept)
    new = [path for path, change in seen.beneath.items() if change.startswith("new ")]
    return {
        "scope.may-change": [
            path for path in own if protected(path) or (path in seen.tables and allowed(path))
        ],
        "scope.outside-project": [path for path in own if not path.startswith(inside)],
        "scope.in-submodule": [path for path in seen.beneath if path not in new],
        "scope.new-in-submodule": new,
    }


def leaves(path: str, target: str) -> bool:
    """Can a symbolic link lead out of the tree, or into .git?

    Only leading `..` can be followed on paper: further on, the folder that is climbed out of may be
    a link itself.
    """
    parts = target.split("/")
    climbs = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    rest = parts[climbs:]
    return (
        target.startswith("/")
        or climbs > path.count("/")
        or ".." in rest
        or ".git" in (part.lower() for part in rest)
    )


def namable(change: Change) -> bool:
    """Does git accept this name?

    A tree with one that it does not could be written, and then never be checked out again.
    """
    # What goes away need not be written, whatever it is called.
    if not change.new_mode:
        return True
    path = change.path.translate(UNSEEN)
    return not (DOT_GIT.search(path) or (change.new_mode == LINK and DOT_GITMODULES.search(path)))


def remarks(
    seen: WorkspaceScan, kept: Iterable[Change], found: Mapping[str, Iterable[str]]
) -> Iterator[Reason]:
    """Yield a reason for every rule that has something to name, refusals first."""
    named = {
        **found,
        "scope.nested-repository": seen.nested,
        "scope.unreadable": seen.unreadable,
        "scope.special-file": seen.special,
        "scope.large-file": [
            sized(seen, c.path) for c in kept if seen.sizes.get(c.path, 0) > LARGE
        ],
        "scope.too-large": [sized(seen, path) for path in seen.too_large],
    }
    for rule, known in every_rule().items():
        names = sorted(named[rule]) if rule in named else []
        more = (f"and {len(names) - SHOWN} more",) if len(names) > SHOWN else ()
        if names:
            yield Reason(
                rule=rule,
                says=known.says,
                ruling=known.ruling,
                detail=(*names[:SHOWN], *more),
                next=known.next,
            )


def sized(seen: WorkspaceScan, path: str) -> str:
    """Return a path with its size."""
    return f"{path} ({seen.sizes[path] / 1e6:.1f} MB)"


def paths(changes: Iterable[Change]) -> list[str]:
    return [change.path for change in changes]
