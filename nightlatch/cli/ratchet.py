"""`ratchet`: the ratchet alone, on a range of commits, for CI and hooks; for everybody's work,
not only an agent's."""

import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import click

from nightlatch import __version__
from nightlatch.cli import verdict_view
from nightlatch.errors import UsageError
from nightlatch.git.repo import Repo
from nightlatch.model.models import Feature, Verdict
from nightlatch.verdict import range_io
from nightlatch.verdict.range_io import Range
from nightlatch.verdict.sarif import Point, annotations, points, sarif, summary

CODES = {"accept": 0, "reject": 1, "hold": 3}


@click.command(
    epilog=(
        'Example: nightlatch ratchet origin/main..HEAD --tests "make test" --supersedes tests/old/*'
    )
)
@click.argument("span", metavar="BASE..HEAD")
@click.option(
    "--tests",
    default="",
    metavar="CMD",
    help="The test command; default: the runner that the files point to.",
)
@click.option(
    "--verify",
    multiple=True,
    metavar="CMD",
    help="Red at BASE, green at HEAD: then the work is proved.",
)
@click.option(
    "--supersedes",
    multiple=True,
    metavar="ID",
    help="A test, file or glob that is meant to change. May be repeated.",
)
@click.option(
    "--feature", default="", metavar="TEXT", help="What the change is about, in a few words."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--sarif", "as_sarif", is_flag=True, help="SARIF 2.1.0 for code scanning.")
@click.option(
    "--github", is_flag=True, help="Annotations for GitHub Actions, and a summary of the step."
)
def command(
    span: str,
    tests: str,
    verify: Sequence[str],
    supersedes: Sequence[str],
    feature: str,
    *,
    as_json: bool,
    as_sarif: bool,
    github: bool,
) -> int:
    """Say whether the commits BASE..HEAD weaken the tests and checks that BASE has. Needs no plan
    and no settings, and changes nothing in the repository.

    Exits with 0 for accept, 1 for reject, 3 for hold. Without a verdict it exits with 2, 4 or 70,
    never with 1.
    """
    if as_json and as_sarif:
        raise UsageError(
            "--json and --sarif cannot be used together", place="ratchet", fix="choose one"
        )
    with range_io.opened(Path.cwd(), tests) as project:
        seen = range_io.find(project.repo, span)
        asked = Feature(
            id="",
            title=" ".join(feature.split()),
            done=False,
            verify=tuple(verify),
            supersedes=tuple(supersedes),
        )
        verdict, changed = range_io.judged(project, seen, asked)
        proved = verdict.proved if verify or feature else None
        found = points(verdict.reasons, changed, lambda path: texts(project.repo, seen, path))
    body = verdict_view.to_json(verdict, proved)
    if as_sarif:
        click.echo(json.dumps(sarif(found, verdict_view.word(verdict), __version__), indent=2))
    elif as_json:
        click.echo(
            json.dumps(
                {"schema": "nightlatch/ratchet/1", **body, "base": seen.base, "head": seen.head},
                indent=2,
            )
        )
    else:
        tell(verdict, proved, quoted=github)
    if github:
        to_github(verdict, found, err=as_json or as_sarif)
    return CODES[verdict_view.word(verdict)]


def texts(repo: Repo, seen: Range, path: str) -> list[str]:
    """Return a file's text after the range and before it, as far as it is there."""
    found = (repo.read(rev, path) for rev in (seen.head, seen.base))
    return [data.decode("utf-8", "replace") for data in found if data is not None]


def tell(verdict: Verdict, proved: bool | None, *, quoted: bool) -> None:
    """The verdict for a person; `quoted`: nothing in it is a command to GitHub, whatever a test
    is called."""
    token = secrets.token_hex(16)
    # The word that ends it is random: no name of a test can guess it.
    fence = [f"::stop-commands::{token}", f"::{token}::"] if quoted else ["", ""]
    lines = [fence[0], *verdict_view.shown(verdict, proved), fence[1]]
    click.echo("\n".join(filter(None, lines)))


def to_github(verdict: Verdict, found: Sequence[Point], *, err: bool) -> None:
    """Annotations, and the summary of the step where GitHub names a file for it."""
    for line in annotations(found):
        click.echo(line, err=err)
    if file := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(file).open("a", encoding="utf-8", errors="backslashreplace") as out:
            out.write(summary(verdict_view.head(verdict, verdict.proved), verdict.reasons))
