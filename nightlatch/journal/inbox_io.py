"""Decisions of the person on their way to the branch: recorded at once, carried out by the
running loop or the next one."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from secrets import token_hex

from nightlatch.project.project import Project
from nightlatch.util import fs


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision: what (`verb`), about which feature, in whose words.

    `id` keeps it from being carried out twice.
    """

    id: str
    verb: str
    feature: str
    text: str
    at: datetime


def leave(project: Project, verb: str, feature: str, text: str, at: datetime) -> Decision:
    """Record a decision durably, without what is secret in it: it will stand in the repository."""
    text = project.secrets.hide_line(text.encode("utf-8", "surrogatepass")).decode(
        "utf-8", "surrogatepass"
    )
    decision = Decision(id=f"d-{token_hex(3)}", verb=verb, feature=feature, text=text, at=at)
    body = {"id": decision.id, "verb": verb, "feature": feature, "text": text, "at": at.isoformat()}
    fs.make_folder(folder(project))
    fs.replace(
        folder(project) / f"{at:%Y%m%dT%H%M%S%f}-{decision.id}.json", json.dumps(body).encode()
    )
    return decision


def waiting(project: Project) -> Iterator[tuple[Path, Decision]]:
    """Yield the decisions that nobody has carried out yet, oldest first."""
    for path in sorted(folder(project).glob("*.json")):
        with suppress(FileNotFoundError):  # a loop carried it out between the two looks
            body = json.loads(path.read_bytes())
            yield path, Decision(**{**body, "at": datetime.fromisoformat(body["at"])})


def decided(project: Project) -> dict[str, str]:
    """Return the last decision that waits, by feature; notes aside."""
    return {said.feature: said.verb for _, said in waiting(project) if said.verb != "note"}


def echoes(project: Project, said: Decision) -> list[Path]:
    """Return the files of the same decision, given again or from two places, with no other on the
    feature between them."""
    later = (
        (path, known)
        for path, known in waiting(project)
        if known.feature == said.feature and known.id != said.id
    )
    own = ((path, known) for path, known in later if known.verb != "note")
    return [
        path
        for path, _ in takewhile(
            lambda each: (each[1].verb, each[1].text) == (said.verb, said.text), own
        )
    ]


def forget(paths: Iterable[Path]) -> None:
    """Take decisions back that nobody has carried out."""
    for path in paths:
        path.unlink(missing_ok=True)


def folder(project: Project) -> Path:
    return project.state / "inbox"
