"""Say what trees of a project are evaluated with, and which runs are asked for."""

from collections.abc import Callable
from dataclasses import dataclass

from nightlatch.model.models import Feature, Reason
from nightlatch.suite.test_command import Named


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the project lies in its repository: in the folder `inside`, "" for the top.

    `aside` are the paths that no test depends on: plan, progress, findings.
    """

    inside: str = ""
    aside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCommands:
    """What the person has a project run: test commands, gates, each feature's verify.

    `tests` and `named` come from the settings, `gates(base)` and `planned(base)` from the plan;
    `outside` are commands that run as the person, in no sandbox.
    """

    tests: str = ""
    named: tuple[Named, ...] = ()
    gates: Callable[[str], tuple[str, ...]] = lambda _base: ()
    planned: Callable[[str], tuple[Feature, ...]] = lambda _base: ()
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What results come from beside the tree itself.

    `env_key(base)` changes when what init.sh makes does, `stamp()` when anything else does:
    settings, shared and copied files, variables. `environment(base, tree)` says what became of the
    dependencies.
    """

    env_key: Callable[[str], str] = lambda _base: ""
    environment: Callable[[str, str], tuple[Reason, ...]] = lambda _base, _tree: ()
    stamp: Callable[[], str] = lambda: ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A run of the suites on a tree, or of some ids and files of them.

    `seconds` limits it further than every command is.
    """

    tree: str
    only: tuple[str, ...] = ()
    seconds: float = 0.0
