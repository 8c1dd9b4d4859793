"""Runs one real agent CLI on one brief against a scripted model server, as the loop runs it;
called in a network of its own."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nightlatch.agents import registry_io
from nightlatch.agents.registry_io import AgentFiles, AgentInvocation, AgentRun
from nightlatch.model.budget import Budget, SpendCap
from nightlatch.sandbox.base import NetworkAccess, SandboxSpec, environment
from nightlatch.sandbox.find import find_sandbox
from nightlatch.sandbox.process.supervisor import Timeouts
from tests.proofs.agents.clis import agent_environment
from tests.proofs.agents.model_server import Failure, ModelServer

BRIEF = "Make hello.txt, which says hello."


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """What came of it, and whether the model was told the brief."""

    run: AgentRun
    briefed: bool
    requests: int


def drive(
    name: str,
    folder: Path,
    programs: Path,
    *,
    commands: Sequence[str] = ("echo hello > hello.txt",),
    failure: Failure | None = None,
    good: int = 0,
    failing: int = 1_000_000,
    refused: bool = False,
    idle: float = 30,
    turns: int = 0,
    environ: Mapping[str, str] | None = None,
    dollars: float = 0,
) -> Driven:
    """One session of the agent `name` in `folder`, which gets its tree, home and transcript;
    `dollars` is what it may cost."""
    with ModelServer(commands=commands, failure=failure, good=good, failing=failing) as server:
        url = f"http://127.0.0.1:{closed_port()}" if refused else server.url
        agent, invocation = prepared(name, folder, programs, url, idle, turns, environ or {})
        cap = (
            SpendCap(purses=(Budget(what="the budget", most=dollars, spent=0),))
            if dollars
            else SpendCap()
        )
        run = registry_io.invoke(agent, replace(invocation, cap=cap))
        return Driven(
            run=run,
            briefed=any(BRIEF in str(r) for r in server.requests),
            requests=len(server.requests),
        )


def prepared(
    name: str,
    folder: Path,
    programs: Path,
    url: str,
    idle: float,
    turns: int,
    more: Mapping[str, str],
) -> tuple[registry_io.Agent, AgentInvocation]:
    for part in ("tree", "home", "out", "me"):
        (folder / part).mkdir()
    (folder / "brief.md").write_text(BRIEF)
    setup = agent_environment(name, url, folder / "me", programs, turns)
    environ = {variable: value for variable, value in {**setup.environ, **more}.items() if value}
    agent = registry_io.load(name, {name: setup.settings})
    room = SandboxSpec(
        tree=folder / "tree",
        at=folder / "tree",
        home=folder / "home",
        env=environment(environ),
        network=NetworkAccess(shared=True),
    )
    return agent, AgentInvocation(
        project=folder,
        files=AgentFiles(
            brief=folder / "brief.md", out=folder / "out", transcript=folder / "transcript"
        ),
        spec=room,
        sandbox=find_sandbox("bubblewrap"),
        environ=environ,
        limits=Timeouts(wall=100, idle=idle, tool=60, grace=1, linger=5, tick=0.2),
    )


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
