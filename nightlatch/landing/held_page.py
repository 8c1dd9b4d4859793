"""The page about a held candidate: what needs an eye, and nothing else."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nightlatch.git.model import Change
from nightlatch.model.models import Feature, Reason
from nightlatch.record.progress import line
from nightlatch.util.text import plain
from nightlatch.verdict.approvals import names_of, path_of

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".bmp", ".pdf")
# Lines of differences on the page, and of one file: more than that nobody reads of an evening.
MOST_LINES = 300
MOST_OF_ONE = 60


def flagged(reasons: Iterable[Reason], changes: Sequence[Change]) -> list[str]:
    """Return the changed files that the reasons name, in their order; all of them where none is
    named."""
    said = {path_of(name) for reason in reasons for name in names_of(reason)}
    named = {
        c.path
        for c in changes
        if any(c.path == path or c.path.endswith(f"/{path}") for path in said if path)
    }
    return [c.path for c in changes if c.path in named or not named]


def page(
    feature: Feature,
    session: str,
    base: str,
    reasons: Sequence[Reason],
    diffs: Mapping[str, str],
    pictures: Sequence[str],
) -> str:
    """Return one page: each rule with what it names, the flagged files' differences folded,
    pictures by name, and how to answer."""
    head = f"# {line(feature.id)} {line(feature.title)}: held"
    ways = (
        f"- right as it is: `nightlatch approve {line(feature.id)}` lands it without a new session",
        (
            f'- not right: `nightlatch refuse {line(feature.id)} "why"`, and the next session is'
            " told why"
        ),
    )
    told = [head, "", f"session {session}, base {base[:9]}", "", *ways, ""]
    for reason in reasons:
        details = [f"    {plain(part)}" for detail in reason.detail for part in detail.splitlines()]
        told += [
            f"## {reason.rule}",
            "",
            plain(reason.says),
            "",
            *details,
            *([""] if details else []),
        ]
    told += (
        ["## pictures and other files to open", "", *(f"    {line(path)}" for path in pictures), ""]
        if pictures
        else []
    )
    told += (
        [
            "## what changed there",
            "",
            *folded(diffs, f"git diff {base[:9]} refs/nightlatch/sessions/{session}"),
        ]
        if diffs
        else []
    )
    return "\n".join((*told, ""))


def folded(diffs: Mapping[str, str], command: str) -> Iterator[str]:
    """Yield the differences, indented so that nothing in them is markup, each cut at its share of
    the page."""
    left = MOST_LINES
    for path, text in diffs.items():
        lines = [plain(part) for part in text.splitlines()]
        shown = lines[: max(min(left, MOST_OF_ONE), 1)]
        left -= len(shown)
        yield from (f"    {part}" for part in shown)
        if len(shown) < len(lines):
            yield f"    ... {len(lines) - len(shown)} more lines: {command} -- {line(path)}"
        yield ""


def is_picture(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in PICTURES
