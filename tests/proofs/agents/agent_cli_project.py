"""Nights of the real program with real agent CLIs on a small project, against a scripted model;
called in a network of its own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import tomli_w

from tests import PATIENCE, ROOT
from tests.proofs.agents.clis import agent_environment
from tests.proofs.agents.drive import closed_port
from tests.proofs.agents.model_server import Failure, Json, ModelServer, results_in
from tests.stories.sample_project import Project, feature, left_running, make_project

IDLE = 8
TURNS = 4
CARRIED = "Earlier sessions on this feature left work"


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the first session of each feature meets, by its number, once half of its work is
    written.

    None: it goes on and on, into its turn limit. The sessions after it, and features that are not
    named, meet nothing. `refused`: before the night, a session finds nobody at the provider's
    address. `environ` is added to the agents' environment.
    """

    features: int = 1
    first: Mapping[int, Failure | None] = field(default_factory=dict)
    refused: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """The project as the night left it, what the program ended with and said, and which
    processes are left; `before`: the refused run."""

    project: Project
    code: int
    said: str
    left: Sequence[str]
    before: Sequence[tuple[str, str, str]] = ()


@dataclass(slots=True, kw_only=True)
class Model(ModelServer):
    """Writes the first half of a feature's work in a session that comes to grief, and what is
    missing in any other."""

    story: Story = field(default_factory=Story)

    def next_failure(self, body: Json) -> Failure | None:
        """A conversation that no longer names its feature was compacted by its CLI: what it met
        goes on."""
        text = json.dumps(body)
        if n := part_of(text):
            self.failure = (
                self.story.first.get(n) if results_in(body) and CARRIED not in text else None
            )
        self.good = 0
        return ModelServer.next_failure(self, body)

    def next_command(self, body: Json) -> str | None:
        n = part_of(json.dumps(body))
        one, other = (f"echo {half} > n{n}{half}.txt" for half in "ab")
        if CARRIED in json.dumps(body):
            self.commands = [other]
        else:
            self.commands = [one, *["true"] * 9] if n in self.story.first else [f"{one}; {other}"]
        return ModelServer.next_command(self, body)


def part_of(text: str) -> int:
    """The number of the feature that a conversation is about."""
    found = re.search(r"part (\d+) has both halves", text)
    return int(found[1]) if found else 0


def night(names: Sequence[str], folder: Path, programs: Path, story: Story) -> Morning:
    """A night of these agents, the next one taking over at a limit; it ends where all are
    limited for longer than it lasts."""
    project, before = village(names, folder, story), []
    if story.refused:
        loop(
            project,
            clean(names, folder, programs, project, f"http://127.0.0.1:{closed_port()}"),
            "run",
            "--once",
        )
        before = project.outcomes()
    with Model(story=story) as server:
        environ = clean(names, folder, programs, project, server.url)
        ends = datetime.now() + timedelta(minutes=10)
        done = loop(project, {**environ, **story.environ}, "run", "--until", f"{ends:%H:%M}")
    return Morning(
        project=project,
        code=done.returncode,
        said=done.stdout + done.stderr,
        left=left_running(project),
        before=before,
    )


def doctor(name: str, folder: Path, programs: Path, failure: Failure | None = None) -> Morning:
    """The doctor's look at such a project."""
    project = village([name], folder, Story())
    with ModelServer(failure=failure, last="ready") as server:
        done = loop(project, clean([name], folder, programs, project, server.url), "doctor")
    return Morning(
        project=project,
        code=done.returncode,
        said=done.stdout + done.stderr,
        left=left_running(project),
    )


def village(names: Sequence[str], folder: Path, story: Story) -> Project:
    """A project with such features, whose loop.toml names these agents."""
    setups = {name: agent_environment(name, "", folder / "me", folder, TURNS) for name in names}
    agents = {
        name: {"model": setup.model, "args": list(setup.args)} for name, setup in setups.items()
    }
    settings = tomli_w.dumps(
        {"agent": list(names), "limits": {"idle": f"{IDLE}s"}, "agents": agents}
    )
    numbers = range(1, story.features + 1)
    stories = [
        feature(
            n, verify=f"cat n{n}a.txt n{n}b.txt", acceptanceCriteria=[f"part {n} has both halves"]
        )
        for n in numbers
    ]
    return make_project(folder, stories, settings=settings)


def clean(
    names: Sequence[str], folder: Path, programs: Path, project: Project, url: str
) -> Mapping[str, str]:
    """An environment that holds a quiet git, and what these agents need to find their provider
    at `url`."""
    environ = {k: v for k, v in os.environ.items() if k.startswith("GIT_")} | {
        **project.env,
        "PYTHONPATH": str(ROOT),
    }
    for name in names:
        environ |= agent_environment(name, url, folder / "me", programs, TURNS).environ
    return environ


def loop(
    project: Project, environ: Mapping[str, str], *args: str
) -> subprocess.CompletedProcess[str]:
    """`python loop.py ARGS`, with nothing in its environment but this."""
    command = [sys.executable, "loop.py", *args]
    return subprocess.run(
        command,
        cwd=project.folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def plan(name: str, folder: Path, programs: Path, first: str, second: str, said: str) -> Morning:
    """`plan SPEC.md --yes` with this agent: a command when it is asked first, one when it was
    told what is wrong, and its last words."""
    project = village([name], folder, Story())
    project.write("SPEC.md", "The tenth number is kept in n10.txt.\n")
    with ModelServer(
        commands=lambda text: [second if "could not be taken" in text else first], last=said
    ) as server:
        done = loop(
            project,
            clean([name], folder, programs, project, server.url),
            "plan",
            "SPEC.md",
            "--yes",
        )
    return Morning(
        project=project,
        code=done.returncode,
        said=done.stdout + done.stderr,
        left=left_running(project),
    )
