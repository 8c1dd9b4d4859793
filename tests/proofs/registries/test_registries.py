"""What a story does with its dependencies, by each package manager with a registry: added,
broken, hostile, upgraded, removed."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.proofs.registries.registries import Registry, serving
from tests.stories.sample_project import Project, Steps, feature, project_in

pytestmark = pytest.mark.sandbox
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
TOOLS = Path(os.environ.get("NIGHTLATCH_TEST_RUNNERS") or CACHE / "nightlatch-tests/runners")
PATHS = (TOOLS / "node_modules/.bin", TOOLS / "python/bin")
RUSTUP = Path(os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup")
Texts = Mapping[str, str]


def nothing(_registry: Registry) -> Texts:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """A project that has the package `one` by this manager, and how a session asks for others.

    `begin` is what the person ran; `uses` is the code that needs `left`, `without` the same that
    does not. `says` are the tool's words where `breaks` asks for what there is not, `tampered` is
    what the installation of `bad` changes, "" where nothing of it runs then.
    """

    program: str
    manifest: str
    lock: str
    files: Callable[[Registry], Texts]
    home: Callable[[Registry], Texts] = nothing
    env: Callable[[Registry], Texts] = nothing
    begin: str
    add: str
    remove: str
    code: str
    uses: str
    without: str
    verify: str
    breaks: str
    says: str
    new: str = "{name} {version}"
    newer: str = "1.1.0"
    tampered: str = ""
    use_bad: str = "package till\n"


NODE_TEST = """const {test} = require("node:test"); const assert = require("node:assert");
test("pad", () => assert.equal(require("../index.js").pad(5), "  5"));
test("one", () => assert.equal(require("one"), 1));
"""
PAD_TEST = NODE_TEST.rpartition("test(")[0]
NODE_PAD = "exports.pad = (s) => String(s).padStart(3);\n"
NODE_LEFT = "module.exports = (s) => String(s).padStart(3);\n"
NODE_ATTACK = (
    "echo 'module.exports = 1; // mine' > $INIT_CWD/node_modules/one/index.js; touch {}; true"
)
NODE_MANIFEST = {
    "name": "till",
    "version": "1.0.0",
    "private": True,
    "scripts": {"test": "node --test test"},
}


def node_files(_registry: Registry) -> Texts:
    texts = {
        "package.json": json.dumps(NODE_MANIFEST),
        ".gitignore": "node_modules\n.yarn/install-state.gz\n",
        "index.js": NODE_PAD,
    }
    return {**texts, "test/pad.test.js": NODE_TEST}


def pnpm_files(registry: Registry) -> Texts:
    return {
        **node_files(registry),
        "pnpm-workspace.yaml": "onlyBuiltDependencies: [bad]\nallowBuilds:\n  bad: true\n",
    }


def berry_files(registry: Registry) -> Texts:
    settings = (
        "nodeLinker: node-modules\nunsafeHttpWhitelist: [127.0.0.1]\nenableTelemetry:"
        " false\nenableScripts: true\n"
    )
    program = (TOOLS / "node_modules/@yarnpkg/cli-dist/bin/yarn.js").read_text("utf-8")
    return {
        **node_files(registry),
        ".yarnrc.yml": f"{settings}yarnPath: .yarn/yarn.cjs\n",
        ".yarn/yarn.cjs": program,
    }


NPM = Manager(
    program="npm",
    manifest="package.json",
    lock="package-lock.json",
    files=node_files,
    home=lambda registry: {".npmrc": f"registry={registry.url}/npm/\n"},
    begin="npm install one@1.0.0",
    add="npm install {name}@{version}",
    remove="npm remove left",
    code="index.js",
    uses='exports.pad = require("left");\n',
    without="exports.pad = (s) => `${s}`.padStart(3);\n",
    verify='node -e \'require("assert").equal(require("./index.js").pad(5), "  5")\'',
    breaks="""sed -i 's/"one"/"nowhere": "1.0.0", "one"/' package.json""",
    says="nowhere",
    new="node_modules/{name} {version}",
    tampered="node_modules/one/index.js",
)
YARN = replace(
    NPM,
    program="yarn",
    lock="yarn.lock",
    begin="yarn add one@1.0.0",
    add="yarn add {name}@{version}",
    remove="yarn remove left",
)

PYTHON_TEST = """import unittest

import one
import till


class Till(unittest.TestCase):
    def test_pad(self):
        self.assertEqual(till.pad(5), "  5")

    def test_one(self):
        self.assertEqual(one.ONE, 1)
"""
PYTHON_PAD = "def pad(s):\n    return str(s).rjust(3)\n"
# uv builds before it installs, so that `one` is not there yet.
PYTHON_ATTACK = """
def attack():
    for site in pathlib.Path("{project}").glob(".venv/lib/*/site-packages"):
        (site / "one.py" if (site / "one.py").exists() else site / "sitecustomize.py").write_text("ONE = 1 # mine")
    try:
        pathlib.Path("{outside}").touch()
    except OSError:
        pass
"""
PYTHON_BROKEN = "def attack():\n    raise SystemExit('this cannot be built')\n"


def python_files(_registry: Registry) -> Texts:
    return {
        "till.py": PYTHON_PAD,
        "tests/__init__.py": "",
        "tests/test_till.py": PYTHON_TEST,
        ".gitignore": ".venv\n__pycache__\n",
        "pyproject.toml": (
            '[project]\nname = "till"\nversion = "1.0.0"\nrequires-python = ">=3.9"\ndependencies ='
            " []\n"
        ),
    }


UV = Manager(
    program="uv",
    manifest="pyproject.toml",
    lock="uv.lock",
    files=python_files,
    env=lambda registry: {"UV_DEFAULT_INDEX": f"{registry.url}/simple"},
    begin="uv add one==1.0.0",
    add="uv add {name}=={version}",
    remove="uv remove left",
    code="till.py",
    uses="from left import pad\n",
    without="def pad(s):\n    return f'{s}'.rjust(3)\n",
    verify=""".venv/bin/python -c 'import till; assert till.pad(5) == "  5"'""",
    breaks="""sed -i 's/"one/"broken==1.0.0", "one/' pyproject.toml""",
    says="this cannot be built",
    tampered="site-packages/sitecustomize.py",
)
PIP = replace(
    UV,
    program="python3",
    manifest="requirements.txt",
    lock="requirements.txt",
    env=nothing,
    home=lambda registry: {
        ".config/pip/pip.conf": f"[global]\nindex-url = {registry.url}/simple\n"
    },
    begin=(
        "python3 -m venv .venv && echo one==1.0.0 > requirements.txt && .venv/bin/pip install -r"
        " requirements.txt"
    ),
    add=(
        ".venv/bin/pip install {name}=={version}; sed -i '/^{name}==/d' requirements.txt; echo"
        " {name}=={version} >> requirements.txt"
    ),
    remove="sed -i /left/d requirements.txt",
    breaks="echo broken==1.0.0 >> requirements.txt",
    tampered="site-packages/one.py",
)

RUST_PAD = 'pub fn pad(s: u8) -> String { format!("{s:>3}") }\n'
RUST_TEST = (
    '#[test]\nfn pads() { assert_eq!(till::pad(5), "  5"); }\n#[test]\nfn one() {'
    " assert_eq!(one::ONE, 1); }\n"
)
RUST_ATTACK = """fn main() {{
    let words = "for f in ~/.cargo/registry/src/*/one-1.0.0/src/lib.rs; do echo '// mine' >> $f; done; touch {}";
    std::process::Command::new("sh").args(["-c", words]).status().ok();
}}
"""
CARGO_SETTINGS = (
    '[source.crates-io]\nreplace-with = "own"\n[source.own]\nregistry = "sparse+{}/cargo/"\n'
)


def cargo_files(_registry: Registry) -> Texts:
    manifest = '[package]\nname = "till"\nversion = "1.0.0"\nedition = "2021"\n\n[dependencies]\n'
    texts = {
        "Cargo.toml": manifest,
        "src/lib.rs": RUST_PAD,
        "tests/pad.rs": RUST_TEST,
        ".gitignore": "target\n",
    }
    # so that what crates run for a build is run
    return {**texts, "init.sh": "#!/bin/sh\ncargo build -q\n"}


CARGO = Manager(
    program="cargo",
    manifest="Cargo.toml",
    lock="Cargo.lock",
    files=cargo_files,
    newer="2.0.0",
    home=lambda registry: {".cargo/config.toml": CARGO_SETTINGS.format(registry.url)},
    env=lambda _registry: {"RUSTUP_HOME": str(RUSTUP)} if RUSTUP.is_dir() else {},
    begin="chmod +x init.sh && cargo add one@1.0.0 && cargo fetch",
    add="cargo add {name}@{version} && cargo fetch",
    remove="cargo remove left && cargo fetch",
    code="src/lib.rs",
    uses="pub fn pad(s: u8) -> String { left::pad(s) }\n",
    without='pub fn pad(n: u8) -> String { format!("{n:>3}") }\n',
    verify="cargo build -q --offline",
    breaks="sed -i 's/^one/nowhere = \"1.0.0\"\\none/' Cargo.toml",
    says="nowhere",
    tampered="one-1.0.0/src/lib.rs",
)

GO_TEST = """package till

import (
	"testing"

	"example.com/one"
)

func TestPad(t *testing.T) {
	if Pad("5") != "  5" {
		t.Fatal(Pad("5"))
	}
}

func TestOne(t *testing.T) {
	if one.One != 1 {
		t.Fatal(one.One)
	}
}
"""
GO_PAD = (
    'package {}\n\nimport "fmt"\n\nfunc Pad(s string) string {{ return fmt.Sprintf("%3s", s) }}\n'
)
# Nothing of a module runs when it is fetched: this one waits until it is imported.
GO_ATTACK = """package bad

import "os/exec"

func init() {{
	words := "cd ~/go/pkg/mod/example.com/one@v1.0.0; chmod -R u+w .; echo '// mine' >> one.go; touch {}"
	exec.Command("sh", "-c", words).Run()
}}
"""
GO = Manager(
    program="go",
    manifest="go.mod",
    lock="go.sum",
    files=lambda _registry: {
        "go.mod": "module example.com/till\n\ngo 1.18\n",
        "till.go": GO_PAD.format("till"),
        "till_test.go": GO_TEST,
    },
    home=lambda registry: {".config/go/env": f"GOPROXY={registry.url}/go\nGOSUMDB=off\n"},
    begin="go get example.com/one@v1.0.0",
    add="go get example.com/{name}@v{version}",
    remove="go get example.com/left@none",
    code="till.go",
    uses=(
        'package till\n\nimport "example.com/left"\n\nfunc Pad(s string) string { return'
        " left.Pad(s) }\n"
    ),
    without=f"{GO_PAD.format('till')}// again\n",
    verify="go build ./...",
    breaks="go mod edit -require example.com/nowhere@v1.0.0",
    says="nowhere",
    new="example.com/{name} v{version}",
    use_bad='package till\n\nimport _ "example.com/bad"\n',
)


def within(folder: str, manager: Manager) -> Manager:
    """The same in a folder of a repository that holds more."""
    go = f"cd {folder} && "

    def files(registry: Registry) -> Texts:
        return {f"{folder}/{name}": text for name, text in manager.files(registry).items()}

    return replace(
        manager,
        files=files,
        manifest=f"{folder}/{manager.manifest}",
        lock=f"{folder}/{manager.lock}",
        code=f"{folder}/{manager.code}",
        new=f"{folder}/{manager.new}",
        tampered=f"{folder}/{manager.tampered}",
        begin=go + manager.begin,
        add=go + manager.add,
        remove=go + manager.remove,
        verify=go + manager.verify,
        breaks=go + manager.breaks,
    )


MANAGERS = {
    "npm": NPM,
    "pnpm": replace(
        YARN,
        program="pnpm",
        lock="pnpm-lock.yaml",
        files=pnpm_files,
        begin="pnpm add one@1.0.0",
        add="pnpm add {name}@{version}",
        remove="pnpm remove left",
    ),
    "yarn": within("web", YARN),
    "yarn 4": replace(
        YARN,
        files=berry_files,
        home=nothing,
        env=lambda registry: {"YARN_NPM_REGISTRY_SERVER": f"{registry.url}/npm"},
    ),
    "uv": UV,
    "pip": PIP,
    "cargo": CARGO,
    "golang": GO,
}


def stock(registry: Registry, project: Path, outside: Path) -> None:
    """The packages: one, left in two versions, and bad, which attacks the environment and
    touches a file outside of the sandbox."""
    registry.add_npm("one", "1.0.0", "module.exports = 1;\n")
    registry.add_npm("left", "1.0.0", NODE_LEFT)
    registry.add_npm("left", "1.1.0", f"{NODE_LEFT}// newer\n")
    registry.add_npm(
        "bad", "1.0.0", NODE_LEFT, scripts={"postinstall": NODE_ATTACK.format(outside)}
    )
    registry.add_python("one", "1.0.0", "ONE = 1\n")
    registry.add_python("left", "1.0.0", PYTHON_PAD)
    registry.add_python("left", "1.1.0", f"{PYTHON_PAD}# newer\n")
    registry.add_python(
        "bad", "1.0.0", "", backend=PYTHON_ATTACK.format(project=project, outside=outside)
    )
    registry.add_python("broken", "1.0.0", "", backend=PYTHON_BROKEN)
    registry.add_crate("one", "1.0.0", "pub const ONE: u8 = 1;\n")
    registry.add_crate("left", "1.0.0", RUST_PAD)
    registry.add_crate("left", "2.0.0", f"{RUST_PAD}// newer\n")
    registry.add_crate("bad", "1.0.0", "", **{"build.rs": RUST_ATTACK.format(outside)})
    registry.add_module("one", "v1.0.0", "package one\n\nconst One = 1\n")
    registry.add_module("left", "v1.0.0", GO_PAD.format("left"))
    registry.add_module("left", "v1.1.0", f"{GO_PAD.format('left')}// newer\n")
    registry.add_module("bad", "v1.0.0", GO_ATTACK.format(outside))


def begin(project: Project, manager: Manager, registry: Registry, last: int = 5) -> Texts:
    """The project as the person has it, set up for a night; the variables of a shell in it."""
    for name, text in manager.home(registry).items():
        file = Path(os.environ["HOME"], name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    env = {"PATH": on_path(), **manager.env(registry)}
    project.folder.mkdir()
    project.git("init", "-q", "-b", "main")
    for name, text in manager.files(registry).items():
        project.write(name, text)
    done = subprocess.run(
        ["sh", "-c", manager.begin],
        cwd=project.folder,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    stories = [
        feature(n, title=f"Story {n}", verify=f"test -e n{n}.txt && {manager.verify}")
        for n in range(1, last + 1)
    ]
    project.write("prd.json", json.dumps({"userStories": stories}))
    project.commit("a small shop")
    project.run("init", "--commit", env=env)
    return env


def cargo_version() -> tuple[int, ...]:
    env = {**os.environ, **({"RUSTUP_HOME": str(RUSTUP)} if RUSTUP.is_dir() else {})}
    told = subprocess.run(
        ["cargo", "--version"], env=env, capture_output=True, text=True, check=True
    ).stdout
    return tuple(map(int, told.split()[1].split(".")[:2]))


def on_path() -> str:
    return ":".join(map(str, (*PATHS, os.environ["PATH"])))


@pytest.mark.parametrize("name", MANAGERS)
def test_dependencies_come_break_attack_move_and_leave(tmp_path: Path, name: str) -> None:
    manager = MANAGERS[name]
    if not shutil.which(manager.program, path=on_path()):
        pytest.skip(f"there is no {manager.program}: tests/io/suite/install.sh")
    if manager is CARGO and cargo_version() < (1, 68):
        pytest.skip("cargo is older than 1.68, which is the first to ask a registry by HTTP alone")
    project, outside = project_in(tmp_path), tmp_path / "outside"
    with serving() as registry:
        stock(registry, project.folder, outside)
        env = begin(project, manager, registry)
        first, newer, bad = (
            manager.add.format(name=package, version=version)
            for package, version in (
                ("left", "1.0.0"),
                ("left", manager.newer),
                ("bad", "1.0.0"),
            )
        )
        steps: Mapping[int, Steps] = {
            1: [{"run": first}, {"write": manager.code, "text": manager.uses}],
            2: [{"run": manager.breaks}],
            3: [{"run": bad}, {"write": "bad.go", "text": manager.use_bad}],
            4: [{"run": newer}],
            5: [{"run": manager.remove}, {"write": manager.code, "text": manager.without}],
        }
        script = {
            f"US-{n:03}": [[*some, {"write": f"n{n}.txt", "text": ""}]] for n, some in steps.items()
        }
        done = project.night(script, code=None, env={**env, "NIGHTLATCH_LIMITS_ATTEMPTS": "1"})

    added, broken, hostile, upgraded, removed = project.entries()
    ends = [
        (entry.word, entry.rule if entry.word == "rejected" else "")
        for entry in (added, broken, hostile, upgraded, removed)
    ]
    assert ends == [
        ("landed", ""),
        ("rejected", "tests.environment-failed"),
        ("rejected", "tests.environment-tampered") if manager.tampered else ("landed", ""),
        ("landed", ""),
        ("landed", ""),
    ], f"{done.stdout}{done.stderr}{project.git('show', 'HEAD:progress.txt')}"
    assert manager.new.format(name="left", version="1.0.0") in "\n".join(added.details)
    assert manager.says in "\n".join(broken.details)
    assert manager.tampered in "\n".join(hostile.details)
    assert "1.0.0 -> " in "\n".join(upgraded.details)
    assert "left is gone" in "\n".join(removed.details)
    assert not outside.exists()
    assert manager.tampered or not [
        file for file in tmp_path.rglob("one.go") if "mine" in file.read_text()
    ]
    landed = project.git("log", "--format=", "--name-only", "--grep=US-001").split()
    assert {manager.manifest, manager.lock} <= {*landed}
    assert "left" not in project.git("show", f"HEAD:{manager.manifest}")


def test_the_first_dependency_of_a_project_is_one_like_any_other(tmp_path: Path) -> None:
    """Nothing is installed yet and nothing shared, and the next story builds on what the first
    one brought."""
    project = project_in(tmp_path)
    manager = replace(
        NPM,
        begin="npm install",
        files=lambda registry: {**node_files(registry), "test/pad.test.js": PAD_TEST},
    )
    with serving() as registry:
        stock(registry, project.folder, tmp_path / "outside")
        env = begin(project, manager, registry, last=2)
        assert not (project.folder / "node_modules").exists()
        use = {"write": "index.js", "text": manager.uses}
        first = [{"run": "npm install left@1.0.0"}, use, {"write": "n1.txt", "text": ""}]
        project.night({"US-001": [first], "US-002": [[{"write": "n2.txt", "text": ""}]]}, env=env)
    assert project.passing() == ["US-001", "US-002"]
    assert "node_modules/left 1.0.0" in "\n".join(project.entries()[0].details)
