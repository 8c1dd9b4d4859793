"""A workspace has the person's settings of package managers, and stores that are its own."""

from pathlib import Path

import pytest

from nightlatch.sandbox import package_stores
from nightlatch.sandbox.base import SandboxSpec, environment
from nightlatch.sandbox.find import find_sandbox
from tests.io.sandbox.test_sandbox import said, shell

SUMS = "example.com/left v1.0.0 h1:x=\n"


def put(place: Path, text: str = "x") -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def test_the_settings_come_without_keys(tmp_path: Path) -> None:
    home, private = tmp_path / "home", tmp_path / "private"
    put(
        home / ".npmrc",
        "registry=https://packages.example/\n//packages.example/:_authToken=npm_abc\n",
    )
    put(home / ".config/go/env", "GOPROXY=https://ada:x@go.example\nGOMODCACHE=/data/go\n")
    package_stores.lend_settings(home, private)
    assert (private / ".npmrc").read_text() == "registry=https://packages.example/\n"
    assert (private / ".config/go/env").read_text() == "GOPROXY=https://go.example\n"
    assert sorted(path.name for path in private.rglob("*") if path.is_file()) == [".npmrc", "env"]


def test_variables_that_name_an_index_reach_a_room_without_their_login(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UV_INDEX_URL", "https://ada:hunter2@packages.example/simple")
    monkeypatch.setenv("CARGO_REGISTRIES_SHOP_INDEX", "sparse+https://shop.example/")
    monkeypatch.setenv("CARGO_REGISTRIES_SHOP_TOKEN", "secret words")
    env = environment({})
    assert (env["UV_INDEX_URL"], env["CARGO_REGISTRIES_SHOP_INDEX"]) == (
        "https://packages.example/simple",
        "sparse+https://shop.example/",
    )
    assert "CARGO_REGISTRIES_SHOP_TOKEN" not in env
    # asked for by the person
    assert (
        environment({}, ["UV_INDEX_URL"])["UV_INDEX_URL"]
        == "https://ada:hunter2@packages.example/simple"
    )


def test_an_own_store_begins_with_what_the_lock_files_name(tmp_path: Path) -> None:
    home, own, cache = (
        tmp_path / "home",
        tmp_path / "own",
        "go/pkg/mod/cache/download/example.com/{}/@v/v1.0.0.zip",
    )
    for name in ("left", "other"):
        put(home / cache.format(name))
    lock = put(tmp_path / "tree/go.sum", SUMS)
    pairs = dict(package_stores.own_stores(own, [lock], tmp_path / "nothing", home))
    assert pairs[own / "go/pkg/mod"] == home / "go/pkg/mod"
    assert [path for path in own.rglob("*") if path.is_file()] == [own / cache.format("left")]

    package_stores.own_stores(tmp_path / "links", [lock], tmp_path / "nothing", home, linked=True)
    assert (
        tmp_path / "links" / cache.format("left")
    ).readlink() == package_stores.GIVEN / cache.format("left")
    assert package_stores.linked_stores(tmp_path / "nothing", home) == (
        (home / "go/pkg/mod", package_stores.GIVEN / "go/pkg/mod"),
    )

    put(kept := tmp_path / "kept" / cache.format("left"), "as it was kept")
    package_stores.own_stores(tmp_path / "again", [lock], tmp_path / "kept", home)
    assert (tmp_path / "again" / cache.format("left")).read_text() == kept.read_text()
    assert package_stores.kept_stores(tmp_path / "kept", home) == (
        (tmp_path / "kept/go/pkg/mod", home / "go/pkg/mod"),
    )


def test_pnpm_finds_its_store_where_it_was(tmp_path: Path) -> None:
    modules, own, private = tmp_path / "shop/node_modules", tmp_path / "own", tmp_path / "private"
    assert package_stores.pnpm_store(modules, own, private) == ()
    put(modules / ".modules.yaml", '{\n  "storeDir": "/home/ada/.local/share/pnpm/store/v11"\n}\n')
    for _ in range(2):
        assert package_stores.pnpm_store(modules, own, private) == (
            (own / "pnpm", Path("/home/ada/.local/share/pnpm/store")),
        )
    assert (
        private / ".config/pnpm/rc"
    ).read_text() == "store-dir=/home/ada/.local/share/pnpm/store\n"
    assert (
        private / ".config/pnpm/config.yaml"
    ).read_text() == "storeDir: /home/ada/.local/share/pnpm/store\n"
    put(modules / ".modules.yaml", f"storeDir: {modules}/.pnpm-store/v10\n")
    assert package_stores.pnpm_store(modules, own, private) == ()


@pytest.mark.sandbox
def test_a_toolchain_of_go_is_shown_in_a_store_that_can_be_written_to(tmp_path: Path) -> None:
    home, modules = Path.home(), Path.home() / "go/pkg/mod"
    put(modules / "golang.org/toolchain@v0.0.1-go1.99/bin/go", "the person's")
    for name in ("tree", "home"):
        (tmp_path / name).mkdir()
    own = package_stores.own_stores(tmp_path / "own", [], tmp_path / "nothing", home)
    env = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    shown = package_stores.toolchains(home)
    room = SandboxSpec(
        tree=tmp_path / "tree",
        at=Path("/srv/shop"),
        home=tmp_path / "home",
        env=env,
        readable=shown,
        writable=own,
    )
    sandbox = find_sandbox("auto")
    assert (
        said(sandbox, room, "touch ~/go/pkg/mod/new; cat ~/go/pkg/mod/golang.org/*/bin/go")
        == "the person's"
    )
    assert (
        shell(sandbox, room, "echo x > ~/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.99/bin/go").exit
        != 0
    )
    assert not (modules / "new").exists()
