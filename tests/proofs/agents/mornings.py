"""A plan of ten stories in prose, a night on it with a real agent CLI as worker and as judge,
and the decisions that the morning leaves."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from tests import PATIENCE
from tests.proofs.agents.agent_cli_project import clean
from tests.proofs.agents.clis import agent_environment
from tests.proofs.agents.model_server import Json, ModelServer
from tests.stories.sample_project import Project, left_running, project_in

PLAN = "scripts/ralph/prd.json"
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
KINDS = ("cannot_tell", "malformed", "nothing")
SHOP = '"""Prices of a shop."""\n\n\ndef price(cents, count):\n    return cents * count\n'
TEST = """import unittest

from shop import price


class Price(unittest.TestCase):
    def test_it(self):
        self.assertEqual(price(2, 3), 6)
"""


def story(n: int) -> dict[str, object]:
    """One story as people write it for such a loop: words, and no command that proves it."""
    word = NUMBERS[n - 1]
    return {
        "id": f"US-{n:03}",
        "title": f"Discount of {word} percent",
        "description": f"As a customer, I want {word} percent off.",
        "acceptanceCriteria": [
            f"off_{word}(100) gives {100 - n}",
            "Nothing costs less than zero",
            "Tests pass",
        ],
        "priority": n,
        "passes": False,
        "notes": "",
    }


def done(n: int) -> str:
    """The shell command that does a story, with a test of it."""
    name = f"off_{NUMBERS[n - 1]}"
    code = f"def {name}(cents):\n    return max(cents - cents * {n} // 100, 0)\n"
    test = (
        f"import unittest\n\nfrom {name} import {name}\n\n\nclass Off(unittest.TestCase):\n    def"
        f" test_it(self):\n        self.assertEqual({name}(100), {100 - n})\n       "
        f" self.assertEqual({name}(-5), 0)\n"
    )
    return f"cat > {name}.py <<'END'\n{code}END\ncat > tests/test_{name}.py <<'END'\n{test}END"


@dataclass(slots=True, kw_only=True)
class Model(ModelServer):
    """Proposes, works and judges.

    As a judge it finds all met, or else cannot tell, in a different way for each story.
    """

    able: bool = True

    def next_command(self, body: Json) -> str | None:
        text = json.dumps(body).replace('\\\\"', '"').replace('\\"', '"')
        named = re.findall(r"US-0(\d\d): Discount", text)
        n = int(named[0]) if named else 0
        if asked := re.findall(r'"nonce": "(\w+)", "digest": "(\w+)"', text):
            self.commands, self.last = (
                [],
                self.judged(n, *asked[-1], criteria=len(set(re.findall(r'"id": "(c\d+)"', text)))),
            )
        elif "Plan the work; do none of it" in text:
            self.commands, self.last = [proposal()], "Done."
        else:
            self.commands, self.last = [done(n)] if n else [], "Done."
        return ModelServer.next_command(self, body)

    def judged(self, n: int, nonce: str, digest: str, *, criteria: int) -> str:
        kind = "met" if self.able else KINDS[n % len(KINDS)]
        quote = "" if kind == "cannot_tell" else f"max(cents - cents * {n} // 100, 0)"
        answer = {"quote": quote, "why": "as far as it is shown", "answer": kind}
        told = {
            "nonce": nonce,
            "digest": digest,
            "criteria": [{"id": f"c{c}", **answer} for c in range(1, criteria + 1)],
        }
        return {"malformed": "I think that it is fine.", "nothing": " "}.get(kind, json.dumps(told))


def proposal() -> str:
    """The shell command that proposes a verify for each story; those of the last two do not
    hold."""
    rows = [
        {"id": f"US-{n:03}", "verify": f"python3 -m unittest tests.test_off_{NUMBERS[n - 1]}"}
        for n in range(1, 9)
    ]
    rows += [{"id": "US-009", "verify": "true"}, {"id": "US-010", "verify": "no-such-program"}]
    return f"cat > $NIGHTLATCH_OUT/plan.json <<'END'\n{json.dumps({'userStories': rows})}\nEND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Morning:
    """The evening's and the night's words, what the morning's report leaves to decide, what
    passes then, and after its one command."""

    init: str
    proposed: str
    verifies: int
    code: int
    said: str
    outcomes: list[tuple[str, str, str]]
    decide: list[dict[str, Any]]
    passing: int
    after: int
    left: list[str]


def night(name: str, folder: Path, programs: Path, *, able: bool, prove: bool) -> Morning:
    """From `init` to the morning's decision, with what a person types and nothing else."""
    project = shop(folder)
    with Model(able=able) as server:
        environ = {**clean([name], folder, programs, project, server.url)}
        init = typed(project, environ, "nightlatch", "init", "--commit")
        settings(project, name, folder)
        proposed = typed(project, environ, "loop.py", "plan", "--prove", "--yes") if prove else init
        stories = json.loads((project.folder / PLAN).read_text())["userStories"]
        ran = typed(project, environ, "loop.py", "run")
        assert (project.folder / "progress.txt").is_file(), ran.stdout + ran.stderr
        outcomes = project.outcomes()
        told = json.loads(typed(project, environ, "loop.py", "report", "--json").stdout)
        passing = told["features"]["passing"]
        for each in told["decide"]:
            typed(project, environ, "loop.py", *str(each["command"]).split()[2:], "--now")
        status = json.loads(typed(project, environ, "loop.py", "status", "--json").stdout)
    return Morning(
        init=init.stdout,
        proposed=proposed.stdout + proposed.stderr,
        verifies=sum("verify" in one for one in stories),
        code=ran.returncode,
        said=ran.stdout + ran.stderr,
        outcomes=outcomes,
        decide=told["decide"],
        passing=passing,
        after=status["features"]["passing"],
        left=[*left_running(project)],
    )


def shop(folder: Path) -> Project:
    """A repository with a green suite and the plan at its usual place, as it was before anybody
    heard of this program."""
    project = project_in(folder)
    project = replace(
        project, env={**project.env, "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b.c"}
    )
    project.folder.mkdir()
    project.git("init", "-q", "-b", "main")
    for path, text in {
        "shop.py": SHOP,
        "tests/__init__.py": "",
        "tests/test_shop.py": TEST,
    }.items():
        project.write(path, text)
    plan = {
        "project": "Shop",
        "branchName": "ralph/discounts",
        "description": "Discounts",
        "userStories": [story(n) for n in range(1, 11)],
    }
    project.write(PLAN, json.dumps(plan, indent=2) + "\n")
    project.commit("a shop")
    return project


def settings(project: Project, name: str, folder: Path) -> None:
    """Which CLI works, and how it is called where its provider is on loopback.

    Nothing is said of a judge.
    """
    setup = agent_environment(name, "", folder / "unused", folder)
    more = tomli_w.dumps({"agents": {name: {"model": setup.model, "args": list(setup.args)}}})
    toml = project.folder / "loop.toml"
    toml.write_text(
        re.sub(r'(?m)^agent = \["\w+"\]', f'agent = ["{name}"]', toml.read_text()) + f"\n{more}"
    )
    project.commit("the provider")


def typed(
    project: Project, environ: Mapping[str, str], program: str, *args: str
) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        *(["-m", "nightlatch"] if program == "nightlatch" else [program]),
        *args,
    ]
    return subprocess.run(
        command,
        cwd=project.folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
