"""A story may add a dependency: its agent installs it, its tests see it, and what was installed
before stays what it was."""

import json
import shutil
from pathlib import Path

import pytest

from tests.stories.sample_project import Project, feature, make_project

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(not shutil.which("npm"), reason="there is no npm"),
]
INSTALL = "npm install --offline --no-audit --no-fund --ignore-scripts ./vend/{}"
TEST = """const {test} = require("node:test"); const assert = require("node:assert");
test("add", () => assert.equal(require("../index.js").add(2, 3), 5));
test("one", () => assert.equal(require("one"), 1));
"""


def package(
    name: str, version: str = "1.0.0", main: str = "module.exports = 1;\n", **more: object
) -> dict[str, str]:
    return {
        f"vend/{name}/package.json": json.dumps(
            {"name": name, "version": version, "main": "index.js", **more}
        ),
        f"vend/{name}/index.js": main,
    }


def shop(tmp_path: Path, packages: dict[str, str], *, init: bool) -> Project:
    """A Node project that depends on a package of its own, `one`, as a packed copy; its folder
    is shared, or init.sh makes it."""
    verify = 'node -e \'require("assert").equal(require("./index.js").pad(5), "  5")\''
    manifest = {
        "name": "till",
        "version": "1.0.0",
        "private": True,
        "scripts": {"test": "node --test test"},
        "dependencies": {},
    }
    files = {
        "package.json": json.dumps(manifest),
        "index.js": "exports.add = (a, b) => a + b;\n",
        "test/add.test.js": TEST,
        ".gitignore": "node_modules\n",
        ".npmrc": "install-links=true\n",
        **package("one"),
        **packages,
    }
    project = make_project(
        tmp_path, [feature(1, verify=verify, title="Pad with the left package")], files=files
    )
    for gone in ("till.py", "tests", "checks"):
        project.git("rm", "-rq", gone)
    shutil.rmtree(project.folder / "tests", ignore_errors=True)
    shell(project, INSTALL.format("one"))
    if init:
        project.write("init.sh", "#!/bin/sh\nnpm ci --offline --no-audit --no-fund\n", mode=0o755)
    else:
        settings = (project.folder / "loop.toml").read_text()
        project.write("loop.toml", settings.replace("share = []", 'share = ["node_modules"]'))
    project.commit("a shop in Node")
    return project


def shell(project: Project, command: str) -> None:
    import subprocess

    subprocess.run(["sh", "-c", command], cwd=project.folder, check=True, capture_output=True)


LEFT = "module.exports = (s, n) => String(s).padStart(n);\n"
PAD = {"append": "index.js", "text": 'exports.pad = (s) => require("left")(s, 3);\n'}


@pytest.mark.parametrize("init", [False, True], ids=["shared", "by init.sh"])
def test_a_dependency_is_added_and_a_later_story_builds_on_it(tmp_path: Path, init: bool) -> None:
    project = shop(tmp_path, package("left", main=LEFT), init=init)

    project.night([[{"run": INSTALL.format("left")}, PAD]])

    assert project.passing() == ["US-001"]
    assert "left" in project.git("show", "HEAD:package.json")
    assert "left" in project.git("show", "HEAD:package-lock.json")
    (entry,) = project.entries()
    assert any("dependencies changed: 1: node_modules/left 1.0.0" in line for line in entry.details)
    assert "green, 2 pass" in project.git("show", "HEAD:progress.txt")
    assert not (project.folder / "node_modules/left").exists()  # the person's own folder is theirs
    assert "1 proved" in project.run("verify").stdout


@pytest.mark.parametrize(
    "script",
    [
        "echo 'module.exports = 2;' > ../one/index.js",
        "rm ../one/index.js",
        "chmod +x ../one/index.js",
    ],
)
def test_an_install_script_that_changes_what_was_there_is_refused(
    tmp_path: Path, script: str
) -> None:
    bad = package("left", main=LEFT, scripts={"install": script})
    project = shop(tmp_path, bad, init=True)

    project.night([[{"run": INSTALL.format("left")}, PAD]], "--sessions", "1", code=None)

    assert [(word, rule) for word, _, rule in project.outcomes()] == [
        ("rejected", "tests.environment-tampered")
    ]
    assert any("node_modules/one/index.js" in line for line in project.entries()[0].details)


def test_a_dependency_that_cannot_be_installed_is_a_verdict_in_the_tools_words(
    tmp_path: Path,
) -> None:
    project = shop(tmp_path, package("left", main=LEFT), init=True)
    wanted = json.loads((project.folder / "package.json").read_text())
    wanted["dependencies"]["nowhere"] = "file:vend/nowhere"

    project.night(
        [[{"write": "package.json", "text": json.dumps(wanted)}, PAD]], "--sessions", "1", code=None
    )

    assert [(word, rule) for word, _, rule in project.outcomes()] == [
        ("rejected", "tests.environment-failed")
    ]
    assert "npm" in "\n".join(project.entries()[0].details)
