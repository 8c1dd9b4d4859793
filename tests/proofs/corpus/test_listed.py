"""What the reader finds in test files, beside the runner's own list of tests: hundreds of
files, put together by chance."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from nightlatch.ratchet.languages.readers import read
from nightlatch.ratchet.static.moved_tests import Place, is_named
from tests import PATIENCE
from tests.proofs.corpus import written
from tests.proofs.corpus.conftest import installed

FULL = bool(os.environ.get("NIGHTLATCH_FULL"))
FILES = 500 if FULL else 40
SEED = 20261130
ENDINGS = {"tsx": (True, True), "ts": (True, False), "jsx": (False, True), "js": (False, False)}


@pytest.fixture(scope="session")
def modules() -> Path:
    """Where vitest is; asked for before any test hides the person's home."""
    found = installed()
    if found is None:
        pytest.skip("vitest is not installed: run tests/proofs/corpus/install.sh")
    return found


def laid(folder: Path, texts: Mapping[str, str]) -> set[Place]:
    """The files, and every test that the reader finds in them."""
    found = set()
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        source = read(name, text)
        assert not source.broken, f"{name}\n{text}"
        found |= {(name, test.name) for test in source.tests.values() if not test.helper}
    return found


def differences(places: set[Place], ids: set[str]) -> tuple[list[str], list[Place]]:
    """The ids that no declaration stands for, and the declarations that no id names."""
    by_file: dict[str, list[Place]] = {}
    for place in places:
        by_file.setdefault(place[0], []).append(place)
    named = {i: [p for p in by_file.get(i.partition("::")[0], ()) if is_named(i, p)] for i in ids}
    told = {place for found in named.values() for place in found}
    return sorted(i for i, found in named.items() if not found), sorted(places - told)


def test_it_finds_the_tests_of_javascript_typescript_and_markup_that_vitest_lists(
    tmp_path: Path, modules: Path
) -> None:
    chance = Random(SEED)  # noqa: S311  # the same files each time: nothing here is secret
    kinds = [*ENDINGS]
    texts = {}
    for n in range(FILES):
        kind = kinds[n % len(kinds)]
        typed, markup = ENDINGS[kind]
        texts[f"src/f{n}.test.{kind}"] = written.javascript(chance, typed=typed, markup=markup)
    places = laid(tmp_path, texts)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").symlink_to(modules)
    listing = tmp_path / "list.json"
    command = [
        str(modules / ".bin/vitest"),
        "list",
        "--pool=threads",
        "--isolate=false",
        f"--json={listing}",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ids = {
        f"{Path(one['file']).relative_to(tmp_path)}::{one['name']}"
        for one in json.loads(listing.read_text())
    }
    assert len(ids) > FILES
    assert differences(places, ids) == ([], [])


def test_it_finds_the_tests_of_go_that_go_lists(tmp_path: Path) -> None:
    chance = Random(SEED)  # noqa: S311  # the same files each time: nothing here is secret
    places = laid(tmp_path, {f"f{n}_test.go": written.go(chance, n) for n in range(FILES)})
    (tmp_path / "go.mod").write_text("module shop\n\ngo 1.18\n")
    env = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    command = ["go", "test", "-vet=off", "-list", ".*", "./..."]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    listed = {line for line in done.stdout.splitlines() if re.match(r"Test\w*$", line)}
    methods = {place for place in places if place[1] == "TestMethod"}
    assert {name for _, name in places - methods} == listed


def test_it_finds_the_tests_of_python_that_pytest_lists(tmp_path: Path) -> None:
    chance = Random(SEED)  # noqa: S311  # the same files each time: nothing here is secret
    places = laid(tmp_path, {f"test_f{n}.py": written.python(chance) for n in range(FILES)})
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "addopts=",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    ids = {line for line in done.stdout.splitlines() if "::" in line}
    assert len(ids) > FILES
    missing, more = differences(places, ids)
    assert missing == []
    assert [place for place in more if not place[1].startswith("Helper")] == []
