"""What a verify, a check or a gate runs through is not the candidate's to bend: falsely done
never lands, honest work does."""

import json
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from nightlatch.model.models import Feature, Outcome, Verdict
from nightlatch.verdict.harness_io import TreeFiles, harness_of
from tests.io.verdict.world import BASE, PROSE, SUB, World, rules
from tests.io.verdict.world import world as world  # the fixture

JUDGE = "import sys\nsys.path.insert(0, '.')\nfrom calc import sub\nassert sub(3, 1) == 2\n"
PROSE_JUDGE = "from calc import sub\nassert sub(3, 1) == 2\n"
NOTHING = "print('fine')\n"
SCRIPT = "#!/bin/sh\nset -e\n"
CMAKE = "cmake_minimum_required(VERSION 3.10)\nproject(p NONE)\nenable_testing()\n"
NOX = "import nox\n\n\n@nox.session(venv_backend='none')\ndef check(session):\n"
MIX = """defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop, version: "0.1.0", aliases: [check: &check/1]]
  defp check(_), do: if(Mix.shell().cmd("ASK") != 0, do: exit({:shutdown, 1}))
end
"""
GO = """package main

import (
	"os"
	"os/exec"
)

func main() {
	if exec.Command("sh", "-c", "ASK").Run() != nil {
		os.Exit(1)
	}
}
"""
RUST = """fn main() {
    let done = std::process::Command::new("sh").args(["-c", "ASK"]).status().unwrap();
    std::process::exit(if done.success() { 0 } else { 1 });
}
"""
# where the machine's cargo is a wrapper that looks there
RUSTUP = os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup"
ASK = "python3 -c 'from calc import sub; assert sub(3, 1) == 2'"


@dataclass(frozen=True, kw_only=True)
class Form:
    """One way to say a verify: what the base has for it, and the least that an agent changes to
    make it green with nothing done."""

    verify: str
    base: dict[str, str]
    bent: dict[str, str | None]
    needs: str = "sh"
    honest: dict[str, str] = field(default_factory=lambda: {"calc.py": SUB})


FORMS = {
    "make": Form(
        verify="make -s test",
        needs="make",
        base={"Makefile": f"test:\n\t{ASK}\n"},
        bent={"Makefile": f"test:\n\t-@{ASK} 2>/dev/null\n"},
    ),
    "make by a variable": Form(
        verify="make -s test",
        needs="make",
        base={"Makefile": f"CHECK = {ASK}\nall:\n\ttrue\ntest: all\n\t$(CHECK)\n"},
        bent={"Makefile": "CHECK = true\nall:\n\ttrue\ntest: all\n\t$(CHECK)\n"},
    ),
    "an included makefile": Form(
        verify="make -s test",
        needs="make",
        base={"Makefile": "include mk/rules.mk\n", "mk/rules.mk": f"test:\n\t{ASK}\n"},
        bent={"mk/rules.mk": "test:\n\ttrue\n"},
    ),
    "make -C": Form(
        verify="make -s -C web test",
        needs="make",
        base={"web/Makefile": f"test:\n\tcd .. && {ASK}\n"},
        bent={"web/Makefile": "test:\n\ttrue\n"},
    ),
    "a makefile that calls a script": Form(
        verify="make -s test",
        needs="make",
        base={"Makefile": "test:\n\tsh tools/check.sh\n", "tools/check.sh": f"{SCRIPT}{ASK}\n"},
        bent={"tools/check.sh": SCRIPT},
    ),
    "a shell script": Form(
        verify="./ci.sh", base={"ci.sh": f"{SCRIPT}{ASK}\n"}, bent={"ci.sh": SCRIPT}
    ),
    "a script by its shell": Form(
        verify="sh ci.sh --fast", base={"ci.sh": f"{SCRIPT}{ASK}\n"}, bent={"ci.sh": SCRIPT}
    ),
    "a script that sources another": Form(
        verify="./ci.sh",
        base={"ci.sh": f"{SCRIPT}. ./lib.sh\nchecked\n", "lib.sh": f"checked() {{\n  {ASK}\n}}\n"},
        bent={"lib.sh": "checked() { :; }\n"},
    ),
    "manage.py": Form(
        verify="python3 manage.py test", base={"manage.py": JUDGE}, bent={"manage.py": NOTHING}
    ),
    "scripts/run": Form(
        verify="scripts/run",
        base={"scripts/run": f"#!/usr/bin/env python3\n{JUDGE}"},
        bent={"scripts/run": f"#!/usr/bin/env python3\n{NOTHING}"},
    ),
    "scripts/run, compared": Form(
        verify="scripts/run | grep -q ok",
        base={"scripts/run": f"#!/usr/bin/env python3\n{JUDGE}print('ok')\n"},
        bent={"scripts/run": "#!/usr/bin/env python3\nprint('ok')\n"},
    ),
    "a program that tests itself": Form(
        verify="bin/shop --selftest",
        base={"bin/shop": f"#!/usr/bin/env python3\n{JUDGE}"},
        bent={"bin/shop": f"#!/usr/bin/env python3\n{NOTHING}"},
    ),
    "a helper module": Form(
        verify="python3 scripts/verify_sub.py",
        base={
            "scripts/verify_sub.py": (
                "import sys\nsys.path.insert(0, '.')\nfrom helper import same\n"
                "from calc import sub\nsame(sub(3, 1), 2)\n"
            ),
            "scripts/helper.py": "def same(a, b):\n    assert a == b\n",
        },
        bent={
            "scripts/helper.py": "def same(a, b):\n    pass\n",
            "calc.py": SUB.replace("a - b", "0"),
        },
    ),
    "a helper that judges": Form(
        verify="python3 -c 'import judging; judging.sub_works()'",
        base={
            "judging.py": (
                f"def sub_works():\n    {PROSE_JUDGE.replace(chr(10), chr(10) + '    ').rstrip()}\n"
            )
        },
        bent={"judging.py": "def sub_works():\n    assert True\n"},
    ),
    "an environment": Form(
        verify='. ./env.sh && python3 -c "$CHECK"',
        base={"env.sh": "CHECK='from calc import sub; assert sub(3, 1) == 2'\n"},
        bent={"env.sh": "CHECK='assert True'\n"},
    ),
    "a program at the top": Form(
        verify="./x.py",
        base={"x.py": f"#!/usr/bin/env python3\n{JUDGE}"},
        bent={"x.py": f"#!/usr/bin/env python3\n{NOTHING}"},
    ),
    "through env and timeout": Form(
        verify="env MODE=1 timeout 60 python3 -W error x.py",
        base={"x.py": JUDGE},
        bent={"x.py": NOTHING},
    ),
    "in another folder": Form(
        verify="cd tools && python3 check.py",
        base={"tools/check.py": JUDGE.replace("'.'", "'..'")},
        bent={"tools/check.py": NOTHING},
    ),
    "sh -c": Form(
        verify="sh -c './ci.sh'", base={"ci.sh": f"{SCRIPT}{ASK}\n"}, bent={"ci.sh": SCRIPT}
    ),
    "npm": Form(
        verify="npm test --silent",
        needs="npm",
        base={"package.json": f'{{"name": "p", "scripts": {{"test": "{ASK}"}}}}\n'},
        bent={"package.json": f'{{"name": "p", "scripts": {{"test": "{ASK} || true"}}}}\n'},
        honest={
            "calc.py": SUB,
            "package.json": (
                f'{{"name": "p", "version": "1.0.1", "scripts": {{"test": "{ASK}", "lint":'
                ' "true"}}\n'
            ),
        },
    ),
    "npm before the script": Form(
        verify="npm run -s check",
        needs="npm",
        base={
            "package.json": '{"name": "p", "scripts": {"check": "node scripts/check.mjs"}}\n',
            "scripts/check.mjs": (
                "import { execSync } from 'node:child_process';\nexecSync(`" + ASK + "`);\n"
            ),
        },
        bent={"scripts/check.mjs": "console.log('fine');\n"},
    ),
    "node": Form(
        verify="node check.js",
        needs="node",
        base={
            "check.js": (
                "const { sub } = require('./calc.js');\nif (sub(3, 1) !== 2) process.exit(1);\n"
            ),
            "calc.js": "exports.add = (a, b) => a + b;\n",
        },
        bent={"check.js": "process.exit(0);\n"},
        honest={"calc.js": "exports.add = (a, b) => a + b;\nexports.sub = (a, b) => a - b;\n"},
    ),
    "perl": Form(
        verify="perl t/check.pl",
        needs="perl",
        base={"t/check.pl": f"exit(system(q({ASK})) ? 1 : 0);\n"},
        bent={"t/check.pl": "exit(0);\n"},
    ),
    "ctest": Form(
        verify=(
            "cmake -S . -B /tmp/nightlatch-ctest-$$ >/dev/null && cd /tmp/nightlatch-ctest-$$ &&"
            " ctest -Q"
        ),
        needs="ctest",
        base={
            "CMakeLists.txt": (
                f'{CMAKE}add_test(NAME sub COMMAND sh -c "{ASK}" WORKING_DIRECTORY'
                " ${CMAKE_SOURCE_DIR})\n"
            )
        },
        bent={"CMakeLists.txt": f"{CMAKE}add_test(NAME sub COMMAND true)\n"},
    ),
    "tox": Form(
        verify="tox -q -e check",
        needs="tox",
        base={
            "tox.ini": (
                "[testenv:check]\nskip_install = true\nallowlist_externals = python3\ncommands ="
                f" {ASK}\n"
            )
        },
        bent={
            "tox.ini": (
                "[testenv:check]\nskip_install = true\nallowlist_externals = python3\ncommands ="
                " python3 -c 0\n"
            )
        },
    ),
    "nox": Form(
        verify="nox -s check",
        needs="nox",
        base={"noxfile.py": f'{NOX}    session.run(\'sh\', \'-c\', """{ASK}""", external=True)\n'},
        bent={"noxfile.py": f"{NOX}    session.run('true', external=True)\n"},
    ),
    "just": Form(
        verify="just check",
        needs="just",
        base={"justfile": f"check:\n    {ASK}\n"},
        bent={"justfile": "check:\n    true\n"},
    ),
    "rake": Form(
        verify="rake check",
        needs="rake",
        base={"Rakefile": f"task(:check) {{ sh %q({ASK}) }}\n"},
        bent={"Rakefile": "task(:check) { sh 'true' }\n"},
    ),
    "a task that rake imports": Form(
        verify="rake check",
        needs="rake",
        base={
            "Rakefile": "import 'tasks/check.rake'\n",
            "tasks/check.rake": f"task(:check) {{ sh %q({ASK}) }}\n",
        },
        bent={"tasks/check.rake": "task(:check) { sh 'true' }\n"},
    ),
    "composer": Form(
        verify="composer -q check",
        needs="composer",
        base={"composer.json": json.dumps({"name": "a/b", "scripts": {"check": ASK}})},
        bent={"composer.json": json.dumps({"name": "a/b", "scripts": {"check": "true"}})},
    ),
    "mix": Form(
        verify="mix check",
        needs="mix",
        base={"mix.exs": MIX.replace("ASK", ASK)},
        bent={"mix.exs": MIX.replace("ASK", "true")},
    ),
    "go run": Form(
        verify="go run ./cmd/check",
        needs="go",
        base={"go.mod": "module shop\n\ngo 1.19\n", "cmd/check/main.go": GO.replace("ASK", ASK)},
        bent={"cmd/check/main.go": GO.replace("ASK", "true")},
    ),
    "cargo xtask": Form(
        verify=f"RUSTUP_HOME='{RUSTUP}' cargo xtask",
        needs="cargo",
        base={
            ".cargo/config.toml": (
                '[alias]\nxtask = "run -q --offline --manifest-path xtask/Cargo.toml --"\n'
            ),
            "xtask/Cargo.toml": (
                '[package]\nname = "xtask"\nversion = "0.1.0"\nedition = "2021"\n\n[workspace]\n'
            ),
            "xtask/Cargo.lock": 'version = 3\n\n[[package]]\nname = "xtask"\nversion = "0.1.0"\n',
            "xtask/src/main.rs": RUST.replace("ASK", ASK),
        },
        bent={"xtask/src/main.rs": RUST.replace("ASK", "true")},
    ),
    "a test's own fixture program": Form(
        verify="python3 -m pytest -q tests/test_sub.py",
        base={
            "tests/test_sub.py": (
                "import subprocess, sys\n\n\ndef test_sub():\n"
                "    subprocess.run([sys.executable, 'tests/fixtures/ask.py'], check=True)\n"
            ),
            "tests/fixtures/ask.py": JUDGE,
        },
        bent={"tests/fixtures/ask.py": NOTHING},
    ),
}


CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
TOOLS = Path(
    os.environ.get("NIGHTLATCH_TEST_RUNNERS") or CACHE / "nightlatch-tests/runners", "python/bin"
)


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """tox, nox and just as tests/io/suite/install.sh brings them."""
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{TOOLS}")
    monkeypatch.setenv("COMPOSER_ALLOW_SUPERUSER", "1")


def examined(world: World, form: Form, candidate: dict[str, str | None]) -> Verdict:
    if shutil.which(form.needs) is None:
        pytest.skip(f"{form.needs} is not here")
    return world.examine({**BASE, **form.base}, candidate, replace(PROSE, verify=(form.verify,)))


@pytest.mark.parametrize("name", FORMS)
def test_what_is_done_falsely_by_what_its_verify_runs_through_never_lands(
    world: World, name: str
) -> None:
    form = FORMS[name]
    verdict = examined(world, form, form.bent)
    assert verdict.outcome not in (Outcome.LANDED, Outcome.UNPROVED), rules(verdict)


@pytest.mark.parametrize("name", FORMS)
def test_the_same_feature_done_honestly_lands(world: World, name: str) -> None:
    form = FORMS[name]
    verdict = examined(world, form, dict(form.honest))
    assert verdict.outcome is Outcome.LANDED, [(r.rule, r.detail) for r in verdict.reasons]


@pytest.mark.parametrize("name", ["make", "a shell script", "manage.py", "an environment"])
def test_without_the_guard_it_would_land(world: World, name: str) -> None:
    form = FORMS[name]
    feature = replace(PROSE, verify=(form.verify,))
    verdict = world.examine(
        {**BASE, **form.base}, form.bent, feature, off=frozenset({"harness", "strength-of-proof"})
    )
    assert verdict.outcome is Outcome.LANDED


def test_what_a_feature_is_meant_to_change_it_may(world: World) -> None:
    form = FORMS["a shell script"]
    named = replace(PROSE, verify=(form.verify,), supersedes=("ci.sh",))
    assert world.examine({**BASE, **form.base}, form.bent, named).outcome is Outcome.LANDED
    allowed = replace(PROSE, verify=(form.verify,), may_change=("ci.sh",))
    assert world.examine({**BASE, **form.base}, form.bent, allowed).outcome is Outcome.LANDED


def test_the_lines_are_shown(world: World) -> None:
    form = FORMS["a shell script"]
    verdict = examined(world, form, {"ci.sh": f"{SCRIPT}exit 0\n{ASK}\n"})
    assert (verdict.outcome, rules(verdict)) == (Outcome.HELD, ["verify.harness-changed"])
    assert "ci.sh" in verdict.reasons[0].detail[0]
    assert "+exit 0" in verdict.reasons[0].detail[0]


def test_what_another_feature_is_verified_by_is_held_too(world: World) -> None:
    form = FORMS["make"]
    first = world.commit({**BASE, **form.base})
    other = Feature(id="US-2", title="Another", done=False, verify=("make -s test",))
    engine = world.engine(planned=lambda _base: (PROSE, other))
    honest = {
        "calc.py": SUB,
        "test_sub.py": "from calc import sub\n\n\ndef test_sub():\n    assert sub(3, 1) == 2\n",
    }
    bent = world.repo.tree_of(world.commit({**honest, **form.bent}, first))
    assert rules(engine.examine(first, bent, PROSE)) == ["ratchet.harness-changed"]
    more = {"Makefile": form.base["Makefile"] + "\nlint:\n\ttrue\n"}
    fine = world.repo.tree_of(world.commit({**honest, **more}, first))
    assert engine.examine(first, fine, PROSE).outcome is Outcome.LANDED


def test_a_check_is_run_through_what_the_base_has(world: World) -> None:
    """A check that calls a makefile is decided by the base's makefile, so a bent one helps
    nobody."""
    base = {
        **BASE,
        "checks/20-lint": "#!/bin/sh\nmake -s lint\n",
        "Makefile": "lint:\n\t! grep -n TODO calc.py\n",
    }
    dirty = SUB + "# TODO\n"
    verdict = world.examine(base, {"calc.py": dirty, "Makefile": "lint:\n\ttrue\n"})
    assert sorted(rules(verdict)) == ["check.failed", "ratchet.harness-changed"]


@pytest.mark.parametrize(
    ("verify", "files", "found"),
    [
        ("just check", {"justfile": "check:\n  sh ci.sh\n", "ci.sh": ""}, {"justfile", "ci.sh"}),
        (
            "./gradlew check",
            {"gradlew": "#!/bin/sh\n", "a/build.gradle.kts": "", "a/src/A.kt": ""},
            {"gradlew", "a/build.gradle.kts"},
        ),
        (
            "cargo xtask ci",
            {"xtask/src/m.rs": "", ".cargo/config.toml": "", "src/l.rs": ""},
            {"xtask/src/m.rs", ".cargo/config.toml"},
        ),
        ("tox -e py", {"tox.ini": "", "src/a.py": ""}, {"tox.ini"}),
        ("nox -s tests", {"noxfile.py": "", "a.py": ""}, {"noxfile.py"}),
        ("bundle exec rake test", {"Rakefile": "", "lib/a.rb": ""}, {"Rakefile"}),
        (
            "composer test",
            {"composer.json": '{"scripts": {"test": "php tests.php"}}', "tests.php": ""},
            {"composer.json", "tests.php"},
        ),
        (
            "mix test",
            {"mix.exs": "", "test/test_helper.exs": "", "lib/a.ex": ""},
            {"mix.exs", "test/test_helper.exs"},
        ),
        (
            "docker compose run --rm app ./ci.sh",
            {"compose.yaml": "", "Dockerfile": "", "a.py": ""},
            {"compose.yaml", "Dockerfile"},
        ),
        (
            "dotnet test",
            {"a.sln": "", "src/a.csproj": "", "src/a.cs": ""},
            {"a.sln", "src/a.csproj"},
        ),
        (
            "uv run python tools/check.py",
            {"tools/check.py": "", "tools/x.py": ""},
            {"tools/check.py"},
        ),
        ("poetry run invoke ci", {"tasks.py": "", "a.py": ""}, {"tasks.py"}),
        (
            "go run ./cmd/selftest",
            {"cmd/selftest/main.go": "", "a.go": ""},
            {"cmd/selftest/main.go"},
        ),
        ("python3 -m shop.check", {"shop/check.py": "", "shop/a.py": ""}, {"shop/check.py"}),
        (
            "pnpm -C web test",
            {"web/package.json": '{"scripts": {"test": "node t.js"}}', "web/t.js": ""},
            {"web/package.json", "web/t.js"},
        ),
        ('test "$(./x.py sum)" = 3', {"x.py": ""}, set()),
        ("pytest -q tests/test_a.py", {"tests/test_a.py": "", "a.py": ""}, set()),
        ("python3 -c 'from a import f; assert f()'", {"a.py": "assert 1\n"}, set()),
        ("node -e \"process.exit(require('./a.js').f() === 1 ? 0 : 1)\"", {"a.js": ""}, set()),
        ("grep -q sub calc.py", {"calc.py": ""}, set()),
    ],
)
def test_what_a_command_runs_through(verify: str, files: dict[str, str], found: set[str]) -> None:
    assert (
        set(harness_of([verify], TreeFiles(paths=frozenset(files), read=files.__getitem__)))
        == found
    )


def test_no_words_of_a_command_are_too_odd(tmp_path: Path) -> None:
    odd = [
        "'",
        "a 'b",
        "$(",
        "((",
        "`",
        "make -C",
        "cd",
        ".",
        "python3 -c",
        "python3 -m",
        "| | |",
        "x" * 100_000,
        "\0",
    ]
    for command in odd:
        assert harness_of([command], TreeFiles(paths=frozenset({"a"}), read=lambda _path: "")) == {}
    assert not list(tmp_path.iterdir())
