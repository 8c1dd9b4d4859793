"""Held candidates: kept under their session's name, with what was asked about them and one page
for the person."""

from dataclasses import dataclass
from hashlib import sha256

from nightlatch.git.repo import Repo, session_ref
from nightlatch.landing import held_page
from nightlatch.model.models import Feature, Verdict
from nightlatch.project.project import Project
from nightlatch.util import fs
from nightlatch.verdict import approvals
from nightlatch.verdict.approvals import NOTHING, Approved
from nightlatch.verdict.range_io import Range, trailers


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A candidate as it was when a person was asked about it; `asked` is what they answer."""

    base: str
    tree: str
    asked: Approved


def keep(
    project: Project,
    session: str,
    feature: Feature,
    base: str,
    tree: str,
    verdict: Verdict,
    also: Approved = NOTHING,
) -> None:
    """Keep a candidate and what is held against it, and write the page.

    The ref is the truth; the page can be lost.
    """
    repo, reasons = project.repo, approvals.held_reasons(verdict.reasons)
    asked = "".join(
        f"Nightlatch-Held: {value}\n" for value in approvals.written(approvals.asked(reasons, also))
    )
    # The ref comes first: without it the page would speak of work that is not there.
    repo.set_ref(
        session_ref(session), repo.commit(tree, [base], f"held candidate of {session}\n\n{asked}")
    )
    changes = repo.diff(base, tree)
    named = held_page.flagged(reasons, changes)
    pictures = [change.path for change in changes if held_page.is_picture(change.path)]
    diffs = {path: repo.difference(base, tree, path) for path in named if path not in pictures}
    folder = project.state / "sessions" / session
    fs.make_folder(folder)
    page = held_page.page(feature, session, base, reasons, diffs, pictures)
    fs.replace(folder / "held.md", project.secrets.hide(page).encode("utf-8", "backslashreplace"))


def find(repo: Repo, session: str) -> Held:
    """Return the candidate that a session left to be decided about."""
    ref = session_ref(session)
    asked = approvals.read(
        value for _, value in trailers(repo, Range(base=f"{ref}^", head=ref), "Held")
    )
    return Held(base=repo.tip_of(f"{ref}^") or "", tree=repo.tree_of(ref), asked=asked)


def same_patch(repo: Repo, held: Held, tip: str, tree: str) -> bool:
    """Are the lines that the candidate takes away and brings in the same on another base?

    Where they stand does not count.
    """
    return patch(repo, held.base, held.tree) == patch(repo, tip, tree)


def patch(repo: Repo, old: str, new: str) -> str:
    """Return a digest of the lines that differ, wherever they stand."""
    args = (
        "diff-tree",
        "-r",
        "-p",
        "-U0",
        "--no-ext-diff",
        "--no-textconv",
        "--no-renames",
        "--text",
        old,
        new,
    )
    lines = repo.run(*args).split(b"\n")
    return sha256(
        # The places of lines, and the ids of whole files, differ on another base.
        b"\n".join(line for line in lines if not line.startswith((b"@@ ", b"index ")))
    ).hexdigest()
