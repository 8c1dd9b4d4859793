"""Held-back checks: run at the verdict only, and nobody but the person learns more of them than
their hint."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nightlatch.errors import ConfigError
from nightlatch.model.models import Reason
from nightlatch.model.rules import reason
from nightlatch.project.project import Project
from nightlatch.record.progress import line
from nightlatch.sandbox.base import SandboxSpec
from nightlatch.suite import run_io
from nightlatch.suite.results import CheckStatus
from nightlatch.suite.run_io import CommandRunner, bounded
from nightlatch.util.paths import INSIDE

HINT = re.compile(rb"^\s*(?:#|//|--|;)\s*hint:\s*(.+)$", re.MULTILINE)
LONGEST_HINT = 200


def folder(project: Project) -> Path | None:
    """Return where they lie.

    Raises ConfigError for a folder that is not there, or that agents would find in their checkout.
    """
    place = project.held_back
    if place is None:
        return None
    homes = (project.repo.top, project.repo.common_dir, project.cache)
    if any(place.is_relative_to(home.resolve()) for home in homes):
        fix = "move it out of the repository and name it there"
        says = "checks.held_back is inside the repository, where agents can read it"
        raise ConfigError(says, place=str(place), fix=fix)
    if not place.is_dir():
        raise ConfigError(
            "checks.held_back: no such directory",
            place=str(place),
            fix="make it, or correct checks.held_back",
        )
    return place


def checks_in(place: Path) -> list[Path]:
    """Return the executable files of the folder, in the order of their names."""
    return sorted(file for file in place.iterdir() if file.is_file() and os.access(file, os.X_OK))


def examine(
    hands: CommandRunner, room: SandboxSpec, place: Path, env: Mapping[str, str]
) -> tuple[Reason, ...]:
    """Return what each check in name order comes to, told by its hint alone."""
    inside = replace(room, hidden=(), readable=(*room.readable, (place, Path(INSIDE, "held-back"))))
    said = []
    for file in checks_in(place):
        check = run_io.run_check(hands, inside, "", [str(hands.sandbox.inside(inside, file))], env)
        if check.answer in (CheckStatus.RED, CheckStatus.FAULT):
            rule, what = (
                ("check.held-back", "")
                if check.answer is CheckStatus.RED
                else ("check.fault", "a held-back check: ")
            )
            said.append(reason(rule, [what + hint(file)]))
    return tuple(said)


def hint(file: Path) -> str:
    """Return what the person lets others know of a check that fails."""
    found = HINT.search(bounded(file) or b"")
    return line(found[1].decode("utf-8", "replace"), LONGEST_HINT) if found else "it gives no hint"
