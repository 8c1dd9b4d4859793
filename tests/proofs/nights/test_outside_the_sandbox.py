"""What lands never runs outside a sandbox: 300 names planted in the checkout, the night gone on
with, every command the morning after."""

import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from nightlatch.util import outside
from nightlatch.workspace.scope import SHADOW
from tests import PATIENCE, ROOT
from tests.stories.sample_project import Project, feature, make_project, project_in, writes

pytestmark = pytest.mark.sandbox

# What the program imports: every module of the standard library, and everything that is installed
# beside it.
MODULES = sorted(
    name
    for name in {*sys.stdlib_module_names, *packages_distributions()}
    if not SHADOW.fullmatch(f"{name}.py")
)
# What it starts, or would start if it were there; and what others start.
PROGRAMS = (
    "git",
    "bwrap",
    "systemd-run",
    "systemd-inhibit",
    "cp",
    "true",
    "ssh",
    "gpg",
    "less",
    "pager",
    "node",
    "npm",
    "strace",
    "nightlatch",
    "claude",
    "codex",
    "gemini",
    "stty",
    "uname",
    "sleep",
    "ps",
    "make",
    "git-log",
    "git-commit",
    "git-upload-pack",
)
# In the sandbox the person's PATH holds, so what a verify needs is planted only where an empty or a
# relative entry would find it.
SHELL = ("sh", "bash", "cat", "env", "python", "python3", "test")
FILES = {
    "pyvenv.cfg": "home = /nowhere\n",
    "site.pth": "import json\n",
    "zzz.pth": "import json\n",
    ".npmrc": "script-shell=./sh\n",
    "pip.conf": "[global]\nindex-url = http://127.0.0.1:1/\n",
    "setup.cfg": "[metadata]\nname = json\n",
    "tox.ini": "[tox]\n",
    ".gitconfig": "[core]\nfsmonitor = ./git\npager = ./less\n",
    "gitconfig": "[core]\nfsmonitor = ./git\n",
    ".pythonrc": "import json\n",
    ".env": "PATH=.\n",
    ".envrc": "export PATH=.\n",
    ".python-version": "3.1\n",
    "python3._pth": ".\n",
}
COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("report",),
    ("report", "--html", "../r.html"),
    ("report", "--md"),
    ("log",),
    ("doctor",),
    ("verify",),
    ("check", "HEAD"),
    ("check",),
    ("ratchet", "HEAD~1..HEAD"),
    ("config",),
    ("schema",),
    ("help", "prd"),
    ("brief", "US-004"),
    ("note", "list"),
    ("note", "open", "a claim"),
    ("clean",),
    ("init",),
    ("handoff", "US-004"),
    ("watch",),
    ("sync",),
    ("pause",),
    ("resume",),
    ("stop",),
    ("hold", "US-004"),
    ("retry", "US-004"),
    ("done", "US-004"),
    ("import", "prd.json"),
    ("run", "--dry-run"),
    ("events", "nothing"),
    ("wake", "nothing"),
    ("doctor", "--notify"),
    ("run", "--detach", "--agent", "scripted"),
    ("--version",),
    ("revert", "US-002", "--now"),
    ("plan", "--prove"),
)
# What a command imports does not depend on how it was started, so one start has all of them and the
# others have the wide ones.
WIDE = (
    ("status",),
    ("report", "--html", "../r.html"),
    ("doctor",),
    ("check", "HEAD"),
    ("init",),
    ("note", "list"),
    ("run", "--dry-run"),
    ("run", "--detach", "--agent", "scripted"),
)
STARTS = {"loop.py": COMMANDS, "nightlatch": WIDE, "-m": WIDE}


def planted(marker: Path) -> dict[str, tuple[str, bool]]:
    """Every name with what lies under it, and whether it is a program: what of them runs
    outside a sandbox leaves a line in a file."""
    spoken = (
        f"import posix\nposix.write(posix.open({str(marker)!r}, 0o2101, 0o600), (__name__ +"
        " chr(10)).encode())\n"
    )
    found = {
        f"{name}/__init__.py" if at % 3 == 0 else f"{name}.py": (spoken, False)
        for at, name in enumerate(MODULES)
    }
    shouted = f'#!/bin/sh\necho "$0" >> {marker}\nexit 1\n'
    found |= {f"bin/{name}": (shouted, True) for name in PROGRAMS}
    taken = {name.partition("/")[0] for name in found}
    found |= {name: (shouted, True) for name in (*PROGRAMS, *SHELL) if name not in taken}
    return found | {name: (text, False) for name, text in FILES.items()}


def crooked(project: Project) -> dict[str, str]:
    """An environment that looks into the project first for programs and libraries; no
    PYTHONPATH, which Python follows by itself."""
    places = (
        "",
        ".",
        "bin",
        str(project.folder / "bin"),
        str(Path(sys.executable).parent),
        os.environ["PATH"],
    )
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    return {
        **kept,
        **project.env,
        "PATH": ":".join(places),
        "LD_LIBRARY_PATH": ":",
        "PERL5LIB": ".",
        "BASH_ENV": "./sh",
        "ENV": "./sh",
    }


def started(project: Project, how: str, *args: str) -> subprocess.CompletedProcess[str]:
    """One command, started in the project as a person does."""
    words = {
        "loop.py": [sys.executable, "loop.py"],
        "nightlatch": [str(Path(sys.executable).with_name("nightlatch"))],
        "-m": [sys.executable, "-m", "nightlatch"],
    }[how]
    env = {**crooked(project), "NIGHTLATCH_SCRIPT": str(project.folder.parent / "script.json")}
    return subprocess.run(
        [*words, *args],
        cwd=project.folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.fixture(scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside")


@pytest.fixture
def marker(_place: Path) -> Path:
    return _place / "ran-outside"


@pytest.fixture
def project(_place: Path, marker: Path) -> Project:
    """A project in which a first session landed all the names, and two more worked after it in
    the same night; made once."""
    if (_place / "shop").exists():
        return project_in(_place)
    told = (
        f'[land]\nafter = "git log -1 --format=%s >> {_place}/after"\n[notify]\ncommand = "cat >>'
        f' {_place}/told"\n'
    )
    project = make_project(_place, [feature(n) for n in range(1, 5)], settings=told)
    # what is planted would be in the way of any test's own imports
    project.git("rm", "-q", "-r", "tests", "checks/10-tests")
    project.commit("no tests")
    plants = [{"write": name, "text": text} for name, (text, _) in planted(marker).items()]
    modes = "chmod +x " + " ".join(name for name, (_, runs) in planted(marker).items() if runs)
    nights = {
        "US-001": [[writes(1), *plants, {"run": modes}]],
        **{f"US-00{n}": [[writes(n)]] for n in (2, 3)},
    }
    project.script({**nights, "US-004": [[{"say": "nothing"}]]})
    done = started(project, "loop.py", "run", "--agent", "scripted", "--sessions", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def test_the_names_land_and_none_runs_outside_in_the_same_night(
    project: Project, marker: Path
) -> None:
    landed = set(project.git("ls-files").splitlines())
    wanted = {name for name in planted(marker) if name != ".env"}
    assert len(MODULES) > 300
    assert wanted <= landed
    assert project.passing() == ["US-001", "US-002", "US-003"]
    assert len((project.folder.parent / "after").read_text().splitlines()) == 3
    assert not marker.exists(), marker.read_text()


@pytest.mark.parametrize("how", STARTS)
def test_no_command_of_the_morning_after_runs_one(project: Project, marker: Path, how: str) -> None:
    gone = [name for name in planted(marker) if not (project.folder / name).exists()]
    assert gone == [".env"]  # which never comes in
    told = {args: started(project, how, *args) for args in STARTS[how]}
    assert {
        args: done.stderr
        for args, done in told.items()
        if done.returncode in (70, 127) or "Traceback" in done.stderr
    } == {}
    assert told["status",].returncode == 0
    assert not marker.exists(), marker.read_text()


def test_a_program_that_has_not_left_the_project_runs_them(project: Project, marker: Path) -> None:
    """The control: the same commands without the guard."""
    env = {**crooked(project), "PYTHONPATH": str(ROOT)}
    unguarded = [sys.executable, "-c", "from nightlatch.cli import main; main(['status'])"]
    subprocess.run(unguarded, cwd=project.folder, env=env, capture_output=True, check=False)
    # as Python finds it
    subprocess.run(["git", "log"], cwd=project.folder, env=env, capture_output=True, check=False)
    ran = marker.read_text().split()
    marker.unlink()
    assert "git" in ran[-1]
    assert len(ran) > 1


# One variable each that would have something of the project run as the person, with a file that it
# would find there.
VARIABLES = {
    "PATH": ("{top}/bin", "bin/git"),
    "PYTHONPATH": (".", "json/decoder.py"),
    "PYTHONHOME": ("", ""),
    "LD_LIBRARY_PATH": ("{top}/lib", "lib/libcrypto.so.3"),
    "LD_PRELOAD": ("{top}/lib/x.so", "lib/x.so"),
    "PYTHONPYCACHEPREFIX": ("{top}/cache", "cache/x"),
    "BASH_ENV": ("{top}/env.sh", "env.sh"),
    "ENV": ("./env.sh", "env.sh"),
    "NODE_OPTIONS": ("--max-old-space-size=4096 --require {top}/x.js", "x.js"),
    "NODE_PATH": ("lib", "lib/x.js"),
    "RUBYOPT": ("-r./x", "x.rb"),
    "RUBYLIB": ("{top}/lib", "lib/x.rb"),
    "PERL5LIB": ("lib", "lib/X.pm"),
    "PERL5OPT": ("-Ilib -MX", "lib/X.pm"),
    "JAVA_TOOL_OPTIONS": ("-javaagent:lib/x.jar", "lib/x.jar"),
    "GIT_EXEC_PATH": ("{top}/bin", "bin/git-log"),
    "GIT_SSH_COMMAND": ("./bin/ssh -v", "bin/ssh"),
    "GIT_EXTERNAL_DIFF": ("bin/git", "bin/git"),
    "GIT_TEMPLATE_DIR": ("templates", "templates/hooks/post-checkout"),
    "PAGER": ("./bin/less", "bin/less"),
    "EDITOR": ("{top}/bin/ed -w", "bin/ed"),
    "SSH_ASKPASS": ("{top}/bin/ask", "bin/ask"),
    "RUSTC_WRAPPER": ("bin/rustc", "bin/rustc"),
}
HARMLESS = {
    "PATH": "/usr/bin:/bin",
    "NODE_OPTIONS": "--max-old-space-size=4096",
    "PYTHONPATH": "/usr/lib/nowhere",
    "EDITOR": "vi",
    "PAGER": "less -R",
    "GIT_SSH_COMMAND": "ssh -i ~/.ssh/id_shop -o IdentitiesOnly=yes",
    "LD_PRELOAD": "libnothing.so",
    "JAVA_TOOL_OPTIONS": "-Xmx1g -Dfile.encoding=UTF-8",
}


def test_no_variable_leads_a_child_into_the_project(tmp_path: Path) -> None:
    """Some twenty variables, absolute and relative; what leads elsewhere stays as it is."""
    project = make_project(tmp_path, [feature(1)])
    top = str(project.folder)
    for _, name in VARIABLES.values():
        project.write(name or "x", "")
    given = {name: value.format(top=top) for name, (value, _) in VARIABLES.items() if value}
    safe = outside.environment(given, project.folder)
    assert {name for name in safe if safe[name] == given[name]} == set()
    assert safe == {"NODE_OPTIONS": ""} or all(
        top not in value and "./" not in value for value in safe.values()
    )
    assert outside.environment(HARMLESS, project.folder) == HARMLESS


SHOWS = """
if "--show" in sys.argv:
    print(*sorted(f"{name}={value}" for name, value in os.environ.items()), sep="\\n")
    sys.exit()
"""


def test_what_was_followed_into_the_project_is_left_by_starting_again(tmp_path: Path) -> None:
    """The loader, and Python, have followed these variables when the first line runs; children
    and sandboxes are another matter."""
    project = make_project(tmp_path, [feature(1)])
    loop = (project.folder / "loop.py").read_text()
    project.write(
        "loop.py", loop.replace("\n\ndef run(", SHOWS.replace("\\\\n", "\\n") + "\n\ndef run(", 1)
    )
    led = {
        "PYTHONPATH": f".:{tmp_path}",
        "LD_LIBRARY_PATH": f"{project.folder}/lib",
        "PYTHONUSERBASE": "base",
    }
    env = {**os.environ, **project.env, **led}
    words = [sys.executable, "loop.py", "--show"]
    done = subprocess.run(
        words, cwd=project.folder, env=env, capture_output=True, text=True, check=True
    )
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert {name: told.get(name) for name in led} == {
        "PYTHONPATH": str(tmp_path),
        "LD_LIBRARY_PATH": None,
        "PYTHONUSERBASE": None,
    }
    assert {name: told.get(f"_NIGHTLATCH_GIVEN_{name}") for name in led} == led


@pytest.mark.parametrize("name", ["sitecustomize.py", "queue.py"])
def test_what_python_took_from_the_project_before_any_line_ran_is_said(
    tmp_path: Path, name: str
) -> None:
    """A person's own sitecustomize may load more.

    What ran, ran: the program says so and goes no further.
    """
    project = make_project(tmp_path, [feature(1)])
    project.write("sitecustomize.py", "import queue\n")
    project.write(
        name,
        (
            (project.folder / name).read_text()
            if (project.folder / name).exists()
            else "Queue = None\n"
        ),
    )
    env = {**os.environ, **project.env, "PYTHONPATH": "."}
    for words in (
        ["loop.py"],
        ["-m", "nightlatch"],
        [str(Path(sys.executable).with_name("nightlatch"))],
    ):
        done = subprocess.run(
            [sys.executable, *words, "status"],
            cwd=project.folder,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert "from the project before this program could run" in done.stderr


@pytest.mark.parametrize("how", STARTS)
def test_python_led_into_the_project_runs_none_of_them_either(
    project: Project, marker: Path, how: str
) -> None:
    """With PYTHONPATH set only the morning after: what Python itself loads first cannot land,
    all else is looked for elsewhere."""
    env = {**crooked(project), "PYTHONPATH": ".", "PYTHONNOUSERSITE": "1"}
    words = {
        "loop.py": ["loop.py"],
        "nightlatch": [str(project.folder.parent / "python/bin/nightlatch")],
        "-m": ["-m", "nightlatch"],
    }[how]
    argv = [*bare_python(project), *words, "status"]
    done = subprocess.run(
        argv, cwd=project.folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not marker.exists(), marker.read_text()


def bare_python(project: Project) -> list[str]:
    """A Python of its own, whose folder of packages leads to this program by a path: no code of
    that folder runs at its start."""
    place = project.folder.parent / "python"
    if not place.exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
        [packages] = (place / "lib").glob("python*/site-packages")
        libraries = next(path for path in sys.path if path.endswith("site-packages"))
        (packages / "shop.pth").write_text(f"{ROOT}\n{libraries}\n")
        as_pip_does = (
            "import re\nimport sys\nfrom nightlatch.__main__ import main\nsys.exit(main())\n"
        )
        (place / "bin/nightlatch").write_text(as_pip_does)
    return [str(place / "bin/python")]


SHOP = '#!/bin/sh\nif [ "$1" = --selftest ]; then test "$(cat n1.txt)" = 1; else cat n1.txt; fi\n'
BENT = "#!/bin/sh\nexit 0\n"


@pytest.mark.parametrize(
    ("verify", "bent", "word"),
    [
        # the machine's cat comes first
        ('test "$(cat n1.txt)" = 1', {"bin/cat": "#!/bin/sh\necho 1\n"}, "rejected"),
        ("sh -c 'test -f n1.txt'", {"bin/sh": BENT}, "rejected"),
        # the project's own program is followed like ./bin/shop
        ("shop --selftest", {"bin/shop": BENT}, "held"),
        ("cd bin && shop --selftest", {"bin/shop": BENT}, "held"),
        ("shop show | grep -qx 1", {"n1.txt": "1\n"}, "landed"),
    ],
)
def test_a_folder_of_the_project_on_path_lets_no_candidate_say_what_a_program_is(
    tmp_path: Path, verify: str, bent: dict[str, str], word: str
) -> None:
    project = make_project(
        tmp_path,
        [
            feature(
                1,
                verify=verify.replace("cat n1", "cat ../n1") if verify.startswith("cd") else verify,
            )
        ],
    )
    project.write("bin/shop", SHOP, mode=0o755)
    project.commit("a program of its own")
    steps = [
        *({"write": name, "text": text} for name, text in bent.items()),
        {"run": "chmod +x bin/*"},
    ]
    env = {"PATH": f"{project.folder}/bin:{os.environ['PATH']}"}
    project.night([steps], "--once", env=env, code=None)
    ended = [entry for entry in project.entries() if entry.feature == "US-001"][-1]
    assert ended.word == word, ended


LATE = """
import atexit
EVENING = set(sys.modules)
atexit.register(lambda: open(os.environ["LATE"], "a").write("".join(sorted(f"{name}\\n" for name in set(sys.modules) - EVENING))))
"""


def test_all_that_a_night_imports_is_imported_before_its_first_session(tmp_path: Path) -> None:
    told = '[notify]\ncommand = "cat >> ../told"\n[limits]\nbudget = 9.0\n'
    stories = [
        feature(1),
        feature(2, verify=[]),
        feature(3, phases=[{"name": "implementation"}, {"name": "review"}]),
    ]
    project = make_project(tmp_path, stories, settings=told)
    loop = (project.folder / "loop.py").read_text()
    begins = "        while True:\n"
    assert begins in loop
    late = LATE.replace("\n", "\n        ")
    project.write("loop.py", loop.replace(begins, f"{late}\n{begins}"))
    project.commit("a loop that tells what it imports late")
    deletes = [{"spend": 0.1}, {"delete": "tests/test_till.py"}, writes(1)]
    more = (project.folder / "tests/test_till.py").read_text().replace("120", "40 * 3")
    edits = [writes(1), {"write": "tests/test_more.py", "text": more}]
    finds = [
        {"note": {"claim": "é is two bytes", "state": "verified", "evidence": ["true"]}},
        {"ask": "Which?"},
    ]
    script = project.script(
        {"US-001": [deletes, edits], "US-002": [finds], "US-003": [[writes(3)]]}
    )
    env = {
        **os.environ,
        **project.env,
        "NIGHTLATCH_SCRIPT": str(script),
        "LATE": str(tmp_path / "late"),
    }
    words = [sys.executable, "loop.py", "run", "--agent", "scripted"]
    done = subprocess.run(
        words, cwd=project.folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 3), done.stdout + done.stderr
    assert (tmp_path / "late").read_text().split() == []
