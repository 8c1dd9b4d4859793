"""What a candidate may reach: pure rules that put forbidden changes back to the base and say so."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from nightlatch.core.globs import matcher
from nightlatch.core.models import Reason, Rule, Ruling
from nightlatch.core.paths import GITLINK, LINK, folders

LARGE, TOO_LARGE = 1_000_000, 100_000_000
SHOWN = 20
DOT_GIT = re.compile(r"(?:\A|[/\\])(?:\.git|git~1)[ .]*(?:[/\\:]|\Z)", re.IGNORECASE)
DOT_GITMODULES = re.compile(
    r"(?:\A|/)(?:\.gitmodules[ .]*|gitmod~[1-4]|gi7e[0-9a-z]*~[0-9]+)(?::.*)?\Z", re.IGNORECASE
)
UNSEEN = dict.fromkeys(
    (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)
)
TO_A_PERSON = "Make such a change in a commit of your own: what a person commits is the next base."
RULES = {
    "scope.nested-repository": Rule(
        says="a repository lies inside the work, and nothing in it can be committed",
        next="Remove the .git in it, or the whole folder.",
        example="`git clone` of a dependency into `vendor/`",
        wrong="A submodule is for a person to add.",
    ),
    "scope.gitlink": Rule(
        says="a submodule was added or moved",
        next="Leave submodules as they are.",
        example=(
            "`vendor/lib` at another commit of its own repository, which nobody can look into here"
        ),
        wrong=TO_A_PERSON,
    ),
    "scope.link-leaves-tree": Rule(
        says="a symbolic link may lead out of the repository",
        next=(
            "Link to a file of the repository, with .. only at the start of the target, or copy the"
            " file."
        ),
        example="`tests/data -> /etc`",
        wrong=TO_A_PERSON,
    ),
    "scope.secret": Rule(
        says="secrets came in, and these lines were not kept",
        next=(
            "A mark stands in the place of each line, and the rest of the file is as it was. Write"
            " these lines again without the secret: read it from the environment, and make test"
            " keys up at run time."
        ),
        example=(
            "an `AWS_SECRET_ACCESS_KEY` in `config.py`, or the value of a variable such as"
            " `SHOP_TOKEN` in a recorded response"
        ),
        wrong=(
            "Where the line holds no secret, a comment on it says so: `nightlatch: allow-secret`."
            " Values of variables, and what a file of the base holds already, are told apart"
            " without one (docs/secrets.md)."
        ),
    ),
    "scope.runner-shadow": Rule(
        says=(
            "a new file would be imported in place of the test runner or this program, or whenever"
            " Python starts"
        ),
        next="Give the file another name.",
        example="`pytest.py`, `sitecustomize.py`, a `.pth` file in site-packages",
        wrong=TO_A_PERSON,
    ),
    "scope.settings-table": Rule(
        says="settings of this program came into pyproject.toml, or went out of it",
        next="Leave [tool.nightlatch] in pyproject.toml as it is, in its lines and in its place.",
        example='`tool = {nightlatch = {land = {after = "./x.sh"}}}` in `web/pyproject.toml`',
        wrong=(
            "A table [tool.nightlatch] under a header of its own is put back by itself, and other"
            " edits of the file land. "
        )
        + TO_A_PERSON,
    ),
    "scope.unreadable": Rule(
        says="files could not be read",
        next="Make every file readable (chmod u+r).",
        example="a file with mode 000",
        wrong="There is nothing to judge in what cannot be read.",
    ),
    "scope.may-change": Rule(
        says="protected files changed, as the feature's mayChange allows",
        next="",
        ruling=Ruling.HOLD,
        example='`checks/20-lint`, by a feature with `"mayChange": ["checks/**"]`',
        wrong="`approve` the feature; the change is shown with it.",
    ),
    "scope.outside-project": Rule(
        says="files outside the project folder changed",
        next="Change only files of the project folder.",
        ruling=Ruling.HOLD,
        example="`other/setup.py`, where the plan is `shop/prd.json`",
        wrong="`approve` the feature, or keep the plan further up.",
    ),
    "scope.protected-path": Rule(
        says="protected files were changed and are as the base has them again",
        next="Leave these files alone: whatever is changed in them is put back.",
        ruling=Ruling.FLAG,
        example="`prd.json` with a done-flag that an agent set itself",
        wrong="Name the files in the feature's `mayChange`, or take them out of `protect.paths`.",
    ),
    "scope.large-file": Rule(
        says="files of more than 1 MB came in",
        next="",
        ruling=Ruling.FLAG,
        example="a video of 40 MB",
        wrong="It refuses nothing.",
    ),
    "scope.too-large": Rule(
        says="files of more than 100 MB were left out",
        next="Have what needs this file make it itself, or make do with a smaller one.",
        ruling=Ruling.FLAG,
        example="a dump of 20 GB that git does not ignore",
        wrong="Commit the file yourself.",
    ),
    "scope.in-submodule": Rule(
        says=(
            "files of a submodule were changed, and nothing of that can land: a submodule is"
            " another repository"
        ),
        next=(
            "Leave the files of submodules as they are. Change this repository instead, or ask in"
            " blocked.md for another commit of the submodule."
        ),
        example="an edit in `vendor/rates/rates.py`, where `vendor/rates` is a submodule",
        wrong="Make the change in the submodule's own repository, and move it yourself.",
    ),
    "scope.new-in-submodule": Rule(
        says="new files in a submodule were left out: a submodule is another repository",
        next="Put new files into this repository.",
        ruling=Ruling.FLAG,
        example="`vendor/rates/build/rates.o`",
        wrong="It refuses nothing.",
    ),
    "scope.special-file": Rule(
        says="pipes, sockets and devices were left out",
        next="",
        ruling=Ruling.FLAG,
        example="a socket that a server left behind",
        wrong="git cannot hold them.",
    ),
    "scope.unnamable": Rule(
        says="git takes no files of these names, so they were left out",
        next="",
        ruling=Ruling.FLAG,
        example="`a/.GIT/config`",
        wrong="git refuses such a tree.",
    ),
}
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
class Change:
    """One path that differs between two trees.

    `status` is A, M, D or T (its type changed); the missing side has mode and id "".
    """

    path: str
    status: str
    old_mode: str = ""
    new_mode: str = ""
    old_oid: str = ""
    new_oid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for one feature; all patterns are relative to the repository's top.

    `project` is its folder, "" for the top itself.
    """

    protected: tuple[str, ...] = ()
    may_change: tuple[str, ...] = ()
    project: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
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
class Judged:
    """The changes that stay in the candidate, and what is to be said about those and about the
    others."""

    changes: tuple[Change, ...]
    reasons: tuple[Reason, ...]


def judge(seen: Seen, rules: Rules) -> Judged:
    """Sort out what may be in a candidate.

    What is refused is put back as well, so that carried work does not carry it.
    """
    protected, allowed = matcher(rules.protected), matcher(rules.may_change)
    back = [c for c in seen.changes if protected(c.path) and not allowed(c.path)]
    free = [c for c in seen.changes if not protected(c.path) or allowed(c.path)]
    gitlinks = [c for c in free if GITLINK in (c.old_mode, c.new_mode)]
    leaving = [c for c in free if c.new_mode == LINK and leaves(c.path, seen.links.get(c.path, ""))]
    shadows = [c for c in free if c.status == "A" and SHADOW.fullmatch(c.path)]
    unnamable = [c for c in free if c.new_mode and not namable(c)]
    over = {folder for c in back if c.old_mode for folder in folders(c.path)}
    telling = [c for c in free if c.new_mode == LINK and c.path in seen.secrets]
    tables = {
        c.path: seen.tables[c.path] for c in free if c.path in seen.tables and not allowed(c.path)
    }
    mixed = [path for path, oid in tables.items() if not oid]
    out = over | {*mixed, *(c.path for c in (*gitlinks, *leaving, *shadows, *unnamable, *telling))}
    put = {c.path for c in back}
    kept = tuple(
        filter(
            differs,
            (replace(c, new_oid=tables.get(c.path, c.new_oid)) for c in free if c.path not in out),
        )
    )
    inside = posixpath.join(rules.project, "")
    found = {
        "scope.gitlink": [c.path for c in gitlinks if c.new_mode],
        "scope.link-leaves-tree": [f"{c.path} -> {seen.links.get(c.path, '')}" for c in leaving],
        "scope.runner-shadow": paths(shadows),
        "scope.settings-table": mixed,
        "scope.may-change": [
            c.path for c in kept if protected(c.path) or (c.path in seen.tables and allowed(c.path))
        ],
        "scope.outside-project": [c.path for c in kept if not c.path.startswith(inside)],
        "scope.protected-path": [
            *paths(back),
            *(c.path for c in free if c.path in over),
            *(
                f"{path} [tool.nightlatch]"
                for path, oid in tables.items()
                if oid and path not in out
            ),
        ],
        "scope.unnamable": paths(unnamable),
        "scope.in-submodule": [
            path for path, now in seen.beneath.items() if not now.startswith("new ")
        ],
        "scope.new-in-submodule": [
            path for path, now in seen.beneath.items() if now.startswith("new ")
        ],
        "scope.secret": [
            remark for path, told in seen.secrets.items() if path not in put for remark in told
        ],
    }
    return Judged(changes=kept, reasons=tuple(remarks(seen, kept, found)))


def differs(change: Change) -> bool:
    """Is there anything left of a change?"""
    return (change.old_mode, change.old_oid) != (change.new_mode, change.new_oid)


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
    path = change.path.translate(UNSEEN)
    return not (DOT_GIT.search(path) or (change.new_mode == LINK and DOT_GITMODULES.search(path)))


def remarks(
    seen: Seen, kept: Iterable[Change], found: Mapping[str, Iterable[str]]
) -> Iterator[Reason]:
    """A reason for every rule that has something to name, refusals first."""
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
    for rule, known in RULES.items():
        names = sorted(named[rule])
        more = (f"and {len(names) - SHOWN} more",) if len(names) > SHOWN else ()
        if names:
            yield Reason(
                rule=rule,
                says=known.says,
                ruling=known.ruling,
                detail=(*names[:SHOWN], *more),
                next=known.next,
            )


def sized(seen: Seen, path: str) -> str:
    return f"{path} ({seen.sizes[path] / 1e6:.1f} MB)"


def paths(changes: Iterable[Change]) -> list[str]:
    return [change.path for change in changes]
