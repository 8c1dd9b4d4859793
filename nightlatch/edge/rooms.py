"""What a process of this project sees when it runs in one workspace: the same for agents,
checks and init.sh."""

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nightlatch import data
from nightlatch.core.globs import matcher
from nightlatch.core.paths import INSIDE
from nightlatch.core.testfiles import ENVIRONMENT
from nightlatch.edge import outside, packages
from nightlatch.edge.agents import AgentInvocation
from nightlatch.edge.house import House
from nightlatch.edge.process import Limits
from nightlatch.edge.reach import Ways
from nightlatch.edge.sandbox_base import Pairs, Sandbox, SandboxSpec, environment, home_inside
from nightlatch.edge.sandbox_find import find_sandbox
from nightlatch.edge.workspace import OBJECTS_INSIDE, Workspace, tracked
from nightlatch.safepath import is_inside

OUT = Path(INSIDE, "out")
ENVIRONMENTS = (".venv", "node_modules")
NOTING = data.program("nightlatch.edge.noting")


def sandbox_of(house: House) -> Sandbox:
    """The sandbox of this project's settings, with their limits."""
    wanted, places = house.config.workspace, (house.repo.project, house.cache)
    return find_sandbox(
        wanted.sandbox, wanted.memory, wanted.processes, house.config.limits.disk, places
    )


def spec_for(
    house: House,
    workspace: Workspace,
    *,
    network: bool,
    env: Mapping[str, str] | None = None,
    writable: Pairs = (),
) -> SandboxSpec:
    """The workspace at the repository's own path, shared folders, caches and what was kept of
    an environment's stores read-only, everything else hidden."""
    repo, wanted = house.repo, house.config.workspace
    shares = [
        repo.project / name for name in wanted.share if not workspace.has_own(house.path(name))
    ]
    caches = [Path.home() / name for name in wanted.see]
    spec = SandboxSpec(
        tree=workspace.tree,
        at=repo.top,
        home=workspace.home,
        env=others_first(house, environment({**identity(house), **(env or {})}, wanted.env)),
        cwd=house.inside or ".",
        readable=(
            (repo.objects, Path(OBJECTS_INSIDE)),
            *((path, path) for path in (*repo.lenders(), *shares, *caches) if path.exists()),
        ),
        writable=writable,
        hidden=(house.held_back,) if house.held_back else (),
        network=network,
        tmp=wanted.tmp,
    )
    kept = (
        packages.kept_stores(kept_home(house, workspace.env), home_inside(spec))
        if workspace.env
        else ()
    )
    return replace(
        spec,
        readable=(
            *spec.readable,
            *kept,
            *(packages.toolchains(home_inside(spec)) if kept else ()),
        ),
    )


def kept_home(house: House, env: str) -> Path:
    """What was kept of HOME when the environment of this name was made."""
    return house.cache / "env" / env / "home"


def installing(
    house: House, workspace: Workspace, spec: SandboxSpec, *, linked: bool = False
) -> SandboxSpec:
    """The spec with stores of its own for packages, which may be written to; `linked` where
    nothing of them is to be kept."""
    locks = (workspace.tree / name for name in tracked(house.repo, workspace, packages.LOCKS))
    seen, kept = home_inside(spec), kept_home(house, workspace.env or "none")
    own = packages.own_stores(workspace.stores, locks, kept, seen, linked=linked)
    shared = [
        house.repo.project / name
        for name in house.config.workspace.share
        if name.rpartition("/")[2] == "node_modules"
    ]
    own += tuple(
        dict.fromkeys(
            pair
            for modules in shared
            for pair in packages.pnpm_store(modules, workspace.stores, workspace.home)
        )
    )
    places = {place for _, place in own}
    readable = (
        *(pair for pair in spec.readable if pair[1] not in places),
        *packages.toolchains(seen),
        *packages.linked_stores(kept, seen),
    )
    return replace(spec, readable=(*dict.fromkeys(readable),), writable=(*spec.writable, *own))


def checks_spec(house: House, workspace: Workspace, ways: Ways) -> SandboxSpec:
    """The spec of a check: without the network but for what the person opened, or with it."""
    return ways.open_to(spec_for(house, workspace, network=house.config.checks.network))


def others_first(house: House, env: Mapping[str, str]) -> dict[str, str]:
    """The environment with the project's own folders of PATH behind all others, and those of
    other workspaces gone.

    What a candidate makes in such a folder would say what `sh` or `git` is in the runs that decide
    about it. An environment that no candidate brings along stays where it is, and so does a folder
    of the person's that is shared.
    """
    shares = [os.path.realpath(house.repo.project / name) for name in house.config.workspace.share]
    places = env.get("PATH", os.defpath).split(":")
    places = [
        place
        for place in places
        if not is_inside(os.path.realpath(place), os.path.realpath(house.cache))
    ]
    inner = {place: outside.in_project(place, house.repo.top) for place in places}
    own = [
        place
        for place, inside in inner.items()
        if inside is not None and not is_environment(inside)
    ]
    last = [
        place
        for place in own
        if not any(is_inside(os.path.realpath(place), share) for share in shares)
    ]
    return {
        **env,
        "PATH": ":".join([*(place for place in places if place not in last), *last]) or os.defpath,
    }


def is_environment(folder: str) -> bool:
    """Does a folder of the project belong to an environment, which no candidate brings along?"""
    return matcher(ENVIRONMENT)(f"{folder}/x")


def identity(house: House) -> dict[str, str]:
    """Who commits inside a workspace: the person, so that `git commit` works there; the loop
    commits its own way."""
    names: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        who = house.repo.ident(role)
        names |= {f"GIT_{role}_NAME": who.name, f"GIT_{role}_EMAIL": who.email}
    return names


def agent_spec(
    house: House, workspace: Workspace, sandbox: Sandbox, *, session: str, feature: str, **env: str
) -> SandboxSpec:
    """The spec of an agent: with the network, a folder to write to beside the tree, and words
    for who it is."""
    own_environment(house, workspace)
    # Where the sandbox shows every file where it really lies, the agent writes to the folder
    # itself, and installs into the person's stores.
    out = OUT if sandbox.traits.own_paths else workspace.out
    words = {
        "NIGHTLATCH_SESSION": session,
        "NIGHTLATCH_FEATURE": feature,
        "NIGHTLATCH_OUT": str(out),
        **env,
    }
    own = spec_for(house, workspace, network=True, env=words, writable=((workspace.out, out),))
    return installing(house, workspace, own, linked=True) if sandbox.traits.own_paths else own


def invocation(
    house: House, workspace: Workspace, sandbox: Sandbox, spec: SandboxSpec, brief: Path
) -> AgentInvocation:
    """Return how an agent of this project is invoked in a workspace, within the limits of a
    session; callers replace what differs."""
    limits = house.config.limits
    return AgentInvocation(
        project=house.repo.project,
        brief=brief,
        spec=spec,
        sandbox=sandbox,
        out=workspace.out,
        limits=Limits(wall=limits.session, idle=limits.idle, tool=limits.tool),
        secrets=house.secrets,
    )


def own_environment(house: House, workspace: Workspace) -> None:
    """Give an agent a copy of the environments that are shared, so that it can install what its
    work needs."""
    for name in house.config.workspace.share:
        source, target = house.repo.project / name, workspace.tree / house.path(name)
        there = target.is_symlink() or workspace.has_own(house.path(name))
        if (
            name.rpartition("/")[2] in ENVIRONMENTS
            and source.is_dir()
            and not source.is_symlink()
            and not there
        ):
            outside.asked(["cp", "-a", "--reflink=auto", "-T", "--", str(source), str(target)])


def with_notes(spec: SandboxSpec, workspace: Workspace, sandbox: Sandbox) -> SandboxSpec:
    """The spec with `nightlatch note` on its PATH: by the loop's own Python, whatever the
    project's environment holds."""
    folder = workspace.folder / "bin"
    folder.mkdir(exist_ok=True)
    spec = replace(
        spec,
        readable=(
            *spec.readable,
            (folder, OUT.with_name("bin")),
            (NOTING, OUT.with_name("noting.py")),
        ),
    )
    launcher = folder / "nightlatch"
    words = (os.path.realpath(sys.executable), "-I", "-S", str(sandbox.inside(spec, NOTING)))
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    launcher.chmod(0o755)
    return replace(
        spec,
        env={
            **spec.env,
            "PATH": f"{sandbox.inside(spec, folder)}:{spec.env.get('PATH', os.defpath)}",
        },
    )
