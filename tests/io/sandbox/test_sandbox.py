"""What a process in a room sees, reaches and may write."""

import os
import socket
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from uuid import uuid4

import pytest

from nightlatch.errors import ConfigError, SandboxError
from nightlatch.project.config.settings import Workspace
from nightlatch.sandbox.base import NetworkAccess, Sandbox, SandboxSpec, environment
from nightlatch.sandbox.bubblewrap import tool_roots
from nightlatch.sandbox.find import BACK_ENDS, find_sandbox
from nightlatch.sandbox.process.supervisor import CommandResult, run
from tests import PATIENCE

TALK = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
server.accept()[0].sendall(b"hello from inside")
print(client.recv(100).decode())
"""


@pytest.fixture
def sandbox() -> Sandbox:
    return find_sandbox("auto")


@pytest.fixture
def room(tmp_path: Path) -> SandboxSpec:
    """A project whose candidate differs from the main checkout; HOME holds a secret and a
    toolchain."""
    home = Path(os.environ["HOME"])
    for name in ("project", "tree", "private"):
        (tmp_path / name).mkdir()
    (tmp_path / "project" / "value").write_text("main\n")
    (tmp_path / "tree" / "value").write_text("candidate\n")
    (tmp_path / "private" / "login").write_text("a private copy\n")
    (home / ".ssh").mkdir()
    (home / ".ssh" / "key").write_text("secret\n")
    program(home / ".local" / "bin" / "tool", "echo a tool")
    return SandboxSpec(
        tree=tmp_path / "tree",
        at=tmp_path / "project",
        home=tmp_path / "private",
        env=environment({}),
    )


def program(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def shell(sandbox: Sandbox, room: SandboxSpec, script: str) -> CommandResult:
    return run(sandbox.command(room, ["sh", "-c", script]), timeout=PATIENCE)


def said(sandbox: Sandbox, room: SandboxSpec, script: str) -> str:
    ran = shell(sandbox, room, script)
    assert ran.exit == 0, ran.output.decode()
    return ran.output.decode().strip()


@pytest.mark.sandbox
def test_vite_finds_places_to_write_in_a_shared_node_modules_and_nobody_sees_what(
    sandbox: Sandbox, room: SandboxSpec
) -> None:
    modules = room.at / "node_modules"
    (modules / "vite").mkdir(parents=True)
    room = replace(room, readable=((modules, modules),))
    writes = "cd node_modules; echo x > .vite-temp/a; mkdir .vite/b; touch vite/c 2>&1 || true"
    assert "Read-only" in said(sandbox, room, writes)
    assert [*modules.rglob("*/*")] == []


@pytest.mark.sandbox
def test_the_candidate_lies_where_the_repository_is_and_the_repository_nowhere(
    sandbox: Sandbox, room: SandboxSpec
) -> None:
    assert said(sandbox, room, "pwd; cat value") == f"{room.at}\ncandidate"
    assert said(sandbox, room, f"echo new > made; ls {room.at.parent}") == "project"
    assert (room.tree / "made").read_text() == "new\n"
    assert not (room.at / "made").exists()


@pytest.mark.sandbox
@pytest.mark.parametrize("shared", ["outside", "outside/held", "outside/held/deep", "link"])
def test_what_is_hidden_is_empty_wherever_it_would_be_seen(
    sandbox: Sandbox, room: SandboxSpec, shared: str
) -> None:
    """Without `hidden` the file is read: that is the control."""
    outside = room.at.parent / "outside"
    (outside / "held/deep").mkdir(parents=True)
    (outside / "held/deep/secret").write_text("secret\n")
    (room.at.parent / "link").symlink_to(outside)
    seen = replace(room, readable=((room.at.parent / shared, Path("/run/shared")),))
    look = "find /run/shared/ -name secret -exec cat {} +; ls -A /run/shared/held 2>/dev/null; true"
    assert "secret" in said(sandbox, seen, look)
    hidden = replace(seen, hidden=(outside / "held",))
    assert said(sandbox, hidden, look) == ""
    assert shell(sandbox, hidden, "touch /run/shared/held/x || touch /run/shared/x").exit != 0


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "where",
    [
        "/",
        "/usr",
        "/usr/bin",
        "/etc",
        "/opt",
        "/dev",
        "/proc",
        "/sys/devices/system/cpu",
        "{tools}",
    ],
)
def test_nothing_can_be_written_outside_the_room(
    sandbox: Sandbox, room: SandboxSpec, where: str
) -> None:
    place = where.format(tools=Path.home() / ".local" / "bin")
    name = uuid4().hex
    ran = shell(sandbox, room, f"echo bad > {place}/{name}")
    assert ran.exit != 0
    assert not (Path(place) / name).exists()


@pytest.mark.sandbox
def test_home_is_a_private_one_with_the_persons_tools(sandbox: Sandbox, room: SandboxSpec) -> None:
    listed = said(
        sandbox, room, "cat ~/login; echo kept > ~/state; echo $HOME; ls -A ~"
    ).splitlines()
    assert listed == ["a private copy", str(Path.home()), ".local", "login", "state"]
    assert (room.home / "state").read_text() == "kept\n"
    assert said(sandbox, room, "~/.local/bin/tool") == "a tool"
    assert shell(sandbox, room, "cat ~/.ssh/key").exit != 0


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "secret",
    [
        "/etc/shadow",
        "/etc/gshadow",
        "/etc/sudoers",
        "/etc/ssh/ssh_host_ed25519_key",
        "/etc/ssl/private/key",
    ],
)
def test_secrets_of_the_machine_are_hidden(
    sandbox: Sandbox, room: SandboxSpec, secret: str
) -> None:
    assert shell(sandbox, room, f"test -s {secret} && cat {secret}").exit != 0
    assert (
        said(sandbox, room, "cat /etc/passwd")
        == Path("/etc/passwd").read_text(encoding="utf-8").strip()
    )


@pytest.mark.sandbox
def test_temporary_files_are_private_and_bounded(sandbox: Sandbox, room: SandboxSpec) -> None:
    small = replace(room, tmp=1_000_000)
    mark = uuid4().hex
    assert (
        said(sandbox, small, f"touch /tmp/{mark} /var/tmp/{mark}2; ls /tmp | grep {mark} | wc -l")
        == "2"
    )
    assert not Path(f"/tmp/{mark}").exists()  # noqa: S108  # that it is not there is the point
    for place in ("/tmp", "/run", "/dev/shm"):  # noqa: S108  # the private ones
        assert shell(sandbox, small, f"head -c 1200000 /dev/zero > {place}/big").exit != 0


@pytest.mark.sandbox
def test_processes_of_the_machine_are_not_seen(sandbox: Sandbox, room: SandboxSpec) -> None:
    assert said(
        sandbox, room, "echo /proc/[0-9]* | wc -w; kill -0 $PPID && echo only bubblewrap"
    ).splitlines()[0] in ("2", "3", "4")
    assert shell(sandbox, room, f"cat /proc/{os.getpid()}/environ").exit != 0


@pytest.mark.sandbox
def test_without_a_network_there_is_a_loopback_of_its_own(
    sandbox: Sandbox, room: SandboxSpec
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert said(sandbox, room, f"{sys.executable} -c '{TALK}'") == "hello from inside"
        dial = (
            f'{sys.executable} -c \'import socket; socket.create_connection(("127.0.0.1",'
            f" {port}), 5)'"
        )
        assert shell(sandbox, room, dial).exit != 0
        assert shell(sandbox, replace(room, network=NetworkAccess(shared=True)), dial).exit == 0


@pytest.mark.sandbox
def test_the_environment_is_an_allow_list(
    sandbox: Sandbox, room: SandboxSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "LC_TIME",
        "HTTPS_PROXY",
        "http_proxy",
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "SSH_AUTH_SOCK",
        "LD_PRELOAD",
        "MINE",
    ):
        monkeypatch.setenv(name, "C")
    env = environment({"NIGHTLATCH_FEATURE": "US-1"}, ["MINE"])
    inside = dict(
        line.split("=", 1) for line in said(sandbox, replace(room, env=env), "env").splitlines()
    )
    assert {
        "NIGHTLATCH_FEATURE",
        "MINE",
        "LC_TIME",
        "HTTPS_PROXY",
        "http_proxy",
        "PATH",
        "HOME",
        "LANG",
    } <= inside.keys()
    assert not inside.keys() & {
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "SSH_AUTH_SOCK",
        "LD_PRELOAD",
        "MARK",
    }
    assert inside["TMPDIR"] == "/tmp"  # noqa: S108  # the private one


@pytest.mark.sandbox
def test_no_secret_of_the_environment_stands_on_a_command_line(
    sandbox: Sandbox, room: SandboxSpec
) -> None:
    command = sandbox.command(replace(room, env={**room.env, "KEY": "not-for-ps"}), ["true"])
    assert "not-for-ps" not in " ".join(command.argv)


@pytest.mark.sandbox
def test_shared_folders_are_read_only_and_writable_ones_are_not(
    sandbox: Sandbox, room: SandboxSpec, tmp_path: Path
) -> None:
    for name in ("cache", "out"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "seen").write_text(name)
    shared = room.at / "node_modules"
    room = replace(
        room,
        readable=((tmp_path / "cache", shared),),
        writable=((tmp_path / "out", Path("/run/nightlatch/out")),),
    )
    assert said(sandbox, room, "cat node_modules/seen /run/nightlatch/out/seen") == "cacheout"
    assert shell(sandbox, room, "touch node_modules/bad").exit != 0
    assert said(sandbox, room, "echo note > /run/nightlatch/out/note") == ""
    assert (tmp_path / "out" / "note").read_text() == "note\n"


@pytest.mark.sandbox
def test_a_real_path_is_found_inside_by_its_closest_mount(
    sandbox: Sandbox, room: SandboxSpec, tmp_path: Path
) -> None:
    room = replace(room, readable=((room.tree / "deps", Path("/run/deps")),))
    assert sandbox.inside(room, room.tree / "a" / "b") == room.at / "a" / "b"
    assert sandbox.inside(room, room.tree / "deps" / "b") == Path("/run/deps/b")
    assert sandbox.inside(room, room.home / "x") == Path.home() / "x"
    assert sandbox.inside(room, tmp_path / "elsewhere") == tmp_path / "elsewhere"
    assert find_sandbox("none").inside(room, room.tree / "a") == room.tree / "a"


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "at",
    # paths inside
    ["{home}", "{home}/code/project", "/srv/project", "/tmp/elsewhere/project"],  # noqa: S108
)
def test_the_repository_may_lie_anywhere(sandbox: Sandbox, room: SandboxSpec, at: str) -> None:
    moved = replace(room, at=Path(at.format(home=Path.home())))
    assert (
        said(sandbox, moved, "pwd; cat value; cat ~/login; touch ~/x ./x")
        == f"{moved.at}\ncandidate\na private copy"
    )


@pytest.mark.sandbox
def test_a_folder_below_the_top_can_be_the_place_to_work(
    sandbox: Sandbox, room: SandboxSpec
) -> None:
    (room.tree / "packages" / "web").mkdir(parents=True)
    assert said(sandbox, replace(room, cwd="packages/web"), "pwd") == f"{room.at}/packages/web"
    assert (
        said(find_sandbox("none"), replace(room, cwd="packages/web"), "pwd")
        == f"{room.tree}/packages/web"
    )


@pytest.mark.sandbox
def test_programs_of_path_are_seen_with_what_they_stand_on(
    sandbox: Sandbox, room: SandboxSpec, tmp_path: Path
) -> None:
    kit = tmp_path / "kit"
    (kit / "lib").mkdir(parents=True)
    (kit / "lib" / "words").write_text("from the library\n")
    program(kit / "bin" / "speak", 'cat "$(dirname "$0")/../lib/words"')
    room = replace(room, env={**room.env, "PATH": f"{kit}/bin:{room.env['PATH']}"})
    assert said(sandbox, room, "speak") == "from the library"


@pytest.mark.sandbox
def test_a_program_behind_a_link_is_seen_where_it_really_lies(
    sandbox: Sandbox, room: SandboxSpec, tmp_path: Path
) -> None:
    modules = tmp_path / "global" / "node_modules"
    program(modules / "agent" / "bin" / "agent.sh", f'cat "{modules}/sibling"')
    (modules / "sibling").write_text("a dependency\n")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "agent").symlink_to(modules / "agent" / "bin" / "agent.sh")
    ran = run(sandbox.command(room, [str(tmp_path / "links" / "agent")]), timeout=PATIENCE)
    assert (ran.exit, ran.output) == (0, b"a dependency\n")


@pytest.mark.sandbox
def test_a_program_that_lies_in_the_home_itself_is_seen_and_nothing_beside_it(
    sandbox: Sandbox, room: SandboxSpec
) -> None:
    home = Path(room.env["HOME"])
    program(home / "agent.sh", f'cat "$0"; cat "{home}/diary" 2>/dev/null || echo private')
    (home / "diary").write_text("dear diary\n")
    ran = run(sandbox.command(room, [str(home / "agent.sh")]), timeout=PATIENCE)
    assert (ran.exit, ran.output.decode().splitlines()[-1]) == (0, "private")


@pytest.mark.sandbox
def test_a_path_folder_of_the_project_is_the_candidates(
    sandbox: Sandbox, room: SandboxSpec
) -> None:
    program(room.at / "bin" / "which-code", "echo main")
    program(room.tree / "bin" / "which-code", "echo candidate")
    room = replace(room, env={**room.env, "PATH": f"{room.at}/bin:{room.env['PATH']}"})
    assert said(sandbox, room, "which-code") == "candidate"
    command = sandbox.command(room, ["which-code"])
    assert run(command, timeout=PATIENCE).output == b"candidate\n"
    assert f"{room.at}/bin" not in command.argv


HOME = Path("/home/ada")
HOLDERS = {HOME, *HOME.parents, HOME / "code", HOME / "code" / "shop"}


@pytest.mark.parametrize(
    ("folder", "shown", "hidden"),
    [
        ("/home/ada/bin", "bin", "/home/ada"),
        ("/home/ada/.local/bin", "bin", "/home/ada/.local"),
        ("/home/ada/.docker/bin", "bin", "/home/ada/.docker"),
        ("/home/ada/code/bin", "bin", "/home/ada/code"),
        ("/data/bin", "bin", "/data"),
    ],
)
def test_a_folder_that_holds_more_than_tools_is_not_shown_whole(
    folder: str, shown: str, hidden: str
) -> None:
    found = set(tool_roots(Path(folder), HOME, HOLDERS, ()))
    assert Path(hidden) / shown in found
    assert Path(hidden) not in found


@pytest.mark.parametrize(
    ("folder", "prefix"),
    [
        ("/home/ada/.pyenv/shims", "/home/ada/.pyenv"),
        ("/home/ada/node-v22/bin", "/home/ada/node-v22"),
        ("/srv/tools/go/bin", "/srv/tools/go"),
        ("/srv/app/node_modules/.bin", "/srv/app/node_modules"),
        ("/srv/app/node_modules/x/node_modules/y/bin", "/srv/app/node_modules"),
        ("/home/ada/scripts", "/home/ada/scripts"),
    ],
)
def test_a_toolchain_is_shown_whole(folder: str, prefix: str) -> None:
    assert list(tool_roots(Path(folder), HOME, HOLDERS, [HOME / ".pyenv"])) == [Path(prefix)]


@pytest.mark.sandbox
@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "JAVA_HOME"])
def test_a_place_that_the_environment_names_can_be_read(
    sandbox: Sandbox, room: SandboxSpec, tmp_path: Path, name: str
) -> None:
    place = tmp_path / "corporate.pem"
    place.write_text("a certificate\n")
    assert (
        said(sandbox, replace(room, env={**room.env, name: str(place)}), f'cat "${name}"')
        == "a certificate"
    )


@pytest.mark.sandbox
@pytest.mark.parametrize("name", ["SSL_CERT_DIR", "PATH"])
def test_no_setting_of_the_environment_shows_the_home_or_what_is_above_it(
    sandbox: Sandbox, room: SandboxSpec, name: str
) -> None:
    for place in (Path.home(), Path.home().parent, Path("/")):
        exposed = replace(
            room,
            env={**room.env, name: f"{place}:{room.env['PATH']}" if name == "PATH" else str(place)},
        )
        assert shell(sandbox, exposed, "cat ~/.ssh/key").exit != 0


@pytest.mark.sandbox
def test_an_editable_install_means_the_candidate(sandbox: Sandbox, room: SandboxSpec) -> None:
    """The trap: one virtual environment, shared, whose path file names the main checkout."""
    for top, value in ((room.at, "main"), (room.tree, "candidate")):
        (top / "src" / "shop").mkdir(parents=True)
        (top / "src" / "shop" / "__init__.py").write_text(f"VALUE = {value!r}\n")
    venv.create(room.at / ".venv", with_pip=False)
    packages = next((room.at / ".venv" / "lib").glob("python*/site-packages"))
    (packages / "shop.pth").write_text(f"{room.at}/src\n")
    room = replace(room, readable=((room.at / ".venv", room.at / ".venv"),))
    ask = f"{room.at}/.venv/bin/python -c 'import shop; print(shop.VALUE, shop.__file__)'"
    assert (
        # the same line as below
        subprocess.run(ask, shell=True, capture_output=True, check=True).stdout.decode().split()[0]  # noqa: S602
        == "main"
    )
    assert said(sandbox, room, ask) == f"candidate {room.at}/src/shop/__init__.py"


@pytest.mark.sandbox
def test_git_works_inside_on_borrowed_objects_that_cannot_be_written(
    sandbox: Sandbox, repository: Path, tmp_path: Path
) -> None:
    tree, home = tmp_path / "clone", tmp_path / "private"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", "--shared", str(repository), str(tree)], check=True)
    objects = Path("/run/nightlatch/objects")
    (tree / ".git" / "objects" / "info" / "alternates").write_text(f"{objects}\n")
    who = {
        f"GIT_{role}_{what}": "x@y"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    room = SandboxSpec(
        tree=tree,
        at=repository,
        home=home,
        env=environment(who),
        readable=((repository / ".git" / "objects", objects),),
    )
    assert (
        said(
            sandbox,
            room,
            "echo 1 > a; git add a; git commit -qm inside; git log --format=%s; git status --short",
        )
        == "inside\nstart"
    )
    assert shell(sandbox, room, f"touch {objects}/info/alternates").exit != 0
    assert (
        subprocess.run(
            ["git", "log", "--format=%s"], cwd=repository, capture_output=True, check=True
        ).stdout
        == b"start\n"
    )


AS_USER = """
import os
from pathlib import Path
from nightlatch.sandbox.process.supervisor import run
from nightlatch.sandbox.base import SandboxSpec, environment
from nightlatch.sandbox.find import find_sandbox
home = Path.home()
for name in ("tree", "private"):
    (home / name).mkdir()
room = SandboxSpec(tree=home / "tree", at=Path("/srv/project"), home=home / "private", env=environment({}))
ran = run(find_sandbox("auto").command(room, ["sh", "-c", "id -u; pwd; touch x ~/y"]), timeout=600)
print(ran.exit, ran.output.decode().split(), (home / "tree" / "x").exists(), (home / "private" / "y").exists())
"""


@pytest.mark.sandbox
@pytest.mark.skipif(os.getuid() != 0, reason="run by an ordinary user all tests here show it")
def test_an_ordinary_user_has_the_same_sandbox(
    as_user: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    done = as_user(AS_USER)
    assert done.stdout == "0 ['65534', '/srv/project'] True True\n", done.stderr


def test_auto_never_means_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="not installed") as caught:
        find_sandbox("auto")
    assert caught.value.exit == 4
    assert 'sandbox = "none" under [workspace] in loop.toml' in caught.value.fix
    assert "apt install bubblewrap" in caught.value.fix
    assert find_sandbox("none").name == "none"


def test_a_bubblewrap_that_may_not_work_is_named_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bwrap", "echo 'setting up uid map: Permission denied' >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxError, match="uid map: Permission denied"):
        find_sandbox("bubblewrap")


def test_the_settings_know_every_back_end() -> None:
    (setting,) = (field for field in fields(Workspace) if field.name == "sandbox")
    known = [name for name in ("auto", *BACK_ENDS) if setting.metadata["kind"].read(name) == name]
    assert setting.metadata["kind"].form == " or ".join(f'"{name}"' for name in known)


@pytest.mark.sandbox
def test_what_a_back_end_keeps_from_a_command_is_what_its_traits_say(
    sandbox: Sandbox, room: SandboxSpec, tmp_path: Path
) -> None:
    """Callers ask the traits and not the name, so that a new back end needs no line of theirs."""
    (tmp_path / "secret").write_text("secret")
    for each in (sandbox, find_sandbox("none")):
        isolated = shell(each, room, f"cat {tmp_path}/secret").exit != 0
        own_paths = said(each, room, "pwd") == str(room.at)
        with socket.create_server(("127.0.0.1", 0)) as server:
            call = (
                f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}))"
            )
            cut_off = (
                run(each.command(room, [sys.executable, "-c", call]), timeout=PATIENCE).exit != 0
            )
        traits = each.traits
        assert (traits.isolates_files, traits.own_paths, traits.network) == (
            isolated,
            own_paths,
            cut_off,
        ), each.name


def test_a_sandbox_that_nobody_knows_is_a_mistake_in_the_settings() -> None:
    with pytest.raises(ConfigError, match='"docker" is not a sandbox'):
        find_sandbox("docker")


@pytest.mark.sandbox
def test_words_and_variables_reach_a_command_as_they_are(
    sandbox: Sandbox, room: SandboxSpec
) -> None:
    words = ["a b", "", "two\nlines\n", "'\"$HOME`x`\\n", "\udcff", "*", "-n"]
    room = replace(room, env={**room.env, "NEW": 'it\'s\n"new"\n', "LANG": "other", "EMPTY": ""})
    argv = ["sh", "-c", r'printf "<%s>" "$@"; printf "\0"; env -0; exit 7', "sh", *words]
    ran = run(sandbox.command(room, argv), timeout=PATIENCE)
    assert ran.exit == 7
    assert ran.output.startswith(os.fsencode("".join(f"<{word}>" for word in words)))
    assert {b'NEW=it\'s\n"new"\n', b"LANG=other", b"EMPTY="} <= {*ran.output.split(b"\0")}
    assert b"nightlatch_" not in ran.output
