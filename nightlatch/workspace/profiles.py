"""What a process of this project sees when it runs in one workspace: the same for agents,
checks and init.sh."""

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nightlatch import data
from nightlatch.project.project import Project
from nightlatch.safepath import is_inside
from nightlatch.sandbox import package_stores
from nightlatch.sandbox.base import (
    NetworkAccess,
    Pairs,
    Sandbox,
    SandboxSpec,
    environment,
    home_inside,
)
from nightlatch.sandbox.find import find_sandbox
from nightlatch.sandbox.reach import ReachableServices
from nightlatch.util import outside
from nightlatch.util.globs import matcher
from nightlatch.util.paths import ENVIRONMENT, INSIDE
from nightlatch.workspace.workspace import OBJECTS_INSIDE, Workspace, tracked

OUT = Path(INSIDE, "out")
ENVIRONMENTS = (".venv", "node_modules")
NOTING = data.program("nightlatch.agents.note_cli")


def sandbox_of(project: Project) -> Sandbox:
    """Return the sandbox of this project's settings, with their limits."""
    wanted, places = project.config.workspace, (project.repo.folder, project.cache)
    return find_sandbox(
        wanted.sandbox, wanted.memory, wanted.processes, project.config.limits.disk, places
    )


def spec_for(
    project: Project,
    workspace: Workspace,
    *,
    network: bool,
    env: Mapping[str, str] | None = None,
    writable: Pairs = (),
) -> SandboxSpec:
    """Return the workspace at the repository's own path, shared folders, caches and what was kept
    of an environment's stores read-only, everything else hidden."""
    repo, wanted = project.repo, project.config.workspace
    shares = [
        repo.folder / name for name in wanted.share if not workspace.has_own(project.path(name))
    ]
    caches = [Path.home() / name for name in wanted.see]
    spec = SandboxSpec(
        tree=workspace.tree,
        at=repo.top,
        home=workspace.home,
        env=others_first(project, environment({**identity(project), **(env or {})}, wanted.env)),
        cwd=project.inside or ".",
        readable=(
            (repo.objects, Path(OBJECTS_INSIDE)),
            *((path, path) for path in (*repo.lenders(), *shares, *caches) if path.exists()),
        ),
        writable=writable,
        hidden=(project.held_back,) if project.held_back else (),
        network=NetworkAccess(shared=network),
        tmp=wanted.tmp,
    )
    kept = (
        package_stores.kept_stores(kept_home(project, workspace.env), home_inside(spec))
        if workspace.env
        else ()
    )
    return replace(
        spec,
        readable=(
            *spec.readable,
            *kept,
            *(package_stores.toolchains(home_inside(spec)) if kept else ()),
        ),
    )


def kept_home(project: Project, env: str) -> Path:
    """Return what was kept of HOME when the environment of this name was made."""
    return project.cache / "env" / env / "home"


def installing(
    project: Project, workspace: Workspace, spec: SandboxSpec, *, linked: bool = False
) -> SandboxSpec:
    """Return the spec with stores of its own for packages, which may be written to; `linked` where
    nothing of them is to be kept."""
    locks = (
        workspace.tree / name for name in tracked(project.repo, workspace, package_stores.LOCKS)
    )
    seen = home_inside(spec)
    kept = kept_home(project, workspace.env or "none")
    own = package_stores.own_stores(workspace.stores, locks, kept, seen, linked=linked)
    shared = [
        project.repo.folder / name
        for name in project.config.workspace.share
        if name.rpartition("/")[2] == "node_modules"
    ]
    own += tuple(
        dict.fromkeys(
            pair
            for modules in shared
            for pair in package_stores.pnpm_store(modules, workspace.stores, workspace.home)
        )
    )
    places = {place for _, place in own}
    readable = (
        *(pair for pair in spec.readable if pair[1] not in places),
        *package_stores.toolchains(seen),
        *package_stores.linked_stores(kept, seen),
    )
    return replace(spec, readable=(*dict.fromkeys(readable),), writable=(*spec.writable, *own))


def checks_spec(project: Project, workspace: Workspace, ways: ReachableServices) -> SandboxSpec:
    """Return the spec of a check: without the network but for what the person opened, or with
    it."""
    return ways.open_to(spec_for(project, workspace, network=project.config.checks.network))


def others_first(project: Project, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the project's own folders of PATH behind all others, and those of
    other workspaces gone.

    What a candidate makes in such a folder would say what `sh` or `git` is in the runs that decide
    about it. An environment that no candidate brings along stays where it is, and so does a folder
    of the person's that is shared.
    """
    shares = [
        os.path.realpath(project.repo.folder / name) for name in project.config.workspace.share
    ]
    places = env.get("PATH", os.defpath).split(":")
    workspaces = os.path.realpath(project.cache)
    places = [place for place in places if not is_inside(os.path.realpath(place), workspaces)]
    inner = {place: outside.in_project(place, project.repo.top) for place in places}
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


def identity(project: Project) -> dict[str, str]:
    """Return who commits inside a workspace: the person, so that `git commit` works there; the loop
    commits its own way."""
    names: dict[str, str] = {}
    for role in ("AUTHOR", "COMMITTER"):
        who = project.repo.ident(role)
        names |= {f"GIT_{role}_NAME": who.name, f"GIT_{role}_EMAIL": who.email}
    return names


def agent_spec(
    project: Project,
    workspace: Workspace,
    sandbox: Sandbox,
    *,
    session: str,
    feature: str,
    **env: str,
) -> SandboxSpec:
    """Return the spec of an agent: with the network, a folder to write to beside the tree, and
    words for who it is."""
    # A copy and not the shared folder itself: checks and other workspaces use that one.
    own_environment(project, workspace)
    # Where the sandbox shows every file where it really lies, the agent writes to the folder
    # itself, and installs into the person's stores.
    out = OUT if sandbox.traits.own_paths else workspace.out
    words = {
        "NIGHTLATCH_SESSION": session,
        "NIGHTLATCH_FEATURE": feature,
        "NIGHTLATCH_OUT": str(out),
        **env,
    }
    own = spec_for(project, workspace, network=True, env=words, writable=((workspace.out, out),))
    return installing(project, workspace, own, linked=True) if sandbox.traits.own_paths else own


def own_environment(project: Project, workspace: Workspace) -> None:
    """Give an agent a copy of the environments that are shared, so that it can install what its
    work needs."""
    for name in project.config.workspace.share:
        source, target = project.repo.folder / name, workspace.tree / project.path(name)
        is_environment = name.rpartition("/")[2] in ENVIRONMENTS
        is_folder = source.is_dir() and not source.is_symlink()
        is_there = target.is_symlink() or workspace.has_own(project.path(name))
        if is_environment and is_folder and not is_there:
            outside.asked(["cp", "-a", "--reflink=auto", "-T", "--", str(source), str(target)])


def with_notes(spec: SandboxSpec, workspace: Workspace, sandbox: Sandbox) -> SandboxSpec:
    """Return the spec with `nightlatch note` on its PATH: by the loop's own Python, whatever the
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
    # -I and -S: no file of the project, and no package of its environment, is loaded into it.
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
