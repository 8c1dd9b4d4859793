"""What is kept of settings, which makers a tree asks for, and what lock files name."""

import pytest

from nightlatch.project import packages
from nightlatch.project.packages import Maker
from nightlatch.sandbox.package_stores import shipped

NPMRC = """registry=https://ada:hunter2@packages.example/npm/
@shop:registry=https://shop.example/npm/
//packages.example/npm/:_authToken=npm_abc
always-auth=true
cache=/home/ada/elsewhere
store-dir = /data/store
strict-ssl=true
"""
CARGO = """[source.crates-io]
replace-with = "own"
[source.own]
registry = "sparse+https://crates.example/"
[registries.shop]
index = "sparse+https://shop.example/"
token = "secret words"
[build]
rustc-wrapper = "sccache"
[net]
git-fetch-with-cli = true
"""


def test_settings_lose_their_keys_and_places_and_keep_where_packages_come_from() -> None:
    assert packages.without_keys(NPMRC).splitlines() == [
        "registry=https://packages.example/npm/",
        "@shop:registry=https://shop.example/npm/",
        "strict-ssl=true",
    ]
    tables = next(each.tables for each in shipped().settings if each.file == ".cargo/config.toml")
    kept = packages.without_keys(CARGO, tables)
    wanted, unwanted = (
        ("https://crates.example/", "https://shop.example/", "git-fetch-with-cli"),
        ("secret", "sccache", "[build]"),
    )
    assert [word for word in (*wanted, *unwanted) if word in kept] == [*wanted]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://ada:hunter2@packages.example/simple", "https://packages.example/simple"),
        (
            "https://token@one.example/ https://two.example/@scope",
            "https://one.example/ https://two.example/@scope",
        ),
        ("https://proxy.example,direct", "https://proxy.example,direct"),
    ],
)
def test_an_address_loses_its_login(value: str, kept: str) -> None:
    assert packages.without_login(value) == kept


def test_a_lock_file_names_what_its_store_has() -> None:
    sums = "example.com/Left v1.2.0 h1:x=\nexample.com/Left v1.2.0/go.mod h1:y=\n\nbroken line\n"
    assert {*packages.go_files(sums)} == {"cache/download/example.com/!left/@v/v1.2.0.*"}
    lock = (
        '[[package]]\nname = "till"\nversion = "1.0.0"\n[[package]]\nname = "serde"\nversion ='
        ' "1.0.2"\nsource = "registry+x"\n'
    )
    assert [*packages.cargo_files(lock)] == [
        "index/*/config.json",
        "cache/*/serde-1.0.2.crate",
        "index/*/.cache/se/rd/serde",
    ]
    assert [*map(packages.index_folder, ("a", "ab", "abc", "abcd"))] == ["1", "2", "3/a", "ab/cd"]
    assert not [*packages.cargo_files("no [ toml")]


MAKERS = {
    "nothing": ([], ["README.md"], []),
    "two folders, each with its lock file": (
        ["node_modules", "web/node_modules"],
        ["package-lock.json", "web/pnpm-lock.yaml"],
        [
            ("", "node_modules", "npm ci --no-audit --no-fund"),
            ("web", "web/node_modules", "pnpm install --frozen-lockfile"),
        ],
    ),
    "workspaces below one lock file": (
        ["node_modules", "packages/a/node_modules"],
        ["yarn.lock", "packages/a/package.json"],
        [("", "node_modules", "yarn install --frozen-lockfile")],
    ),
    "uv before pip": (
        [".venv"],
        ["uv.lock", "requirements.txt"],
        [("", ".venv", "uv sync --locked")],
    ),
    "not shared": (
        [],
        [
            "package-lock.json",
            "pnpm-lock.yaml",
            "docs/package-lock.json",
            "requirements.txt",
            "yarn.lock",
        ],
        [("", "node_modules", "npm ci --no-audit --no-fund")],
    ),
    "not shared, and its program is not here": ([], ["uv.lock"], []),
    "modules and crates": (
        [],
        ["go.mod", "tools/go.mod", "Cargo.toml", "vendor/x/go.mod", "testdata/y/Cargo.toml"],
        [("", "", "go mod download"), ("tools", "", "go mod download"), ("", "", "cargo fetch")],
    ),
    "vendored": ([], ["go.mod", "vendor/modules.txt"], []),
}


@pytest.mark.parametrize("name", MAKERS)
def test_each_folder_and_store_has_its_maker(name: str) -> None:
    shares, files, wanted = MAKERS[name]
    found = packages.makers(shipped(), shares, files, "", lambda program: program == "npm")
    assert [(maker.cwd, maker.folder, " ".join(maker.argv)) for maker in found] == wanted


def test_pip_installs_all_lists_and_removes_what_they_no_longer_name() -> None:
    lists = ("api/requirements-dev.txt", "api/requirements.txt")
    [maker] = packages.makers(
        shipped(), ["api/.venv"], [*lists, "api/main.py"], "", lambda _program: True
    )
    assert (maker.name, maker.cwd, maker.lists) == ("pip", "api", lists)
    before = ["left_pad==1.0  # a comment\n-e .\npip==23\n", "Flask[async]>=3\n"]
    words = packages.pip_words(lists, before, ["# nothing\n", "flask\n"])
    assert words == ("left-pad", "-r", "requirements-dev.txt", "-r", "requirements.txt")


def test_a_maker_fills_the_shared_folders_below_its_own() -> None:
    maker = Maker(argv=("npm", "ci"), cwd="web", folder="web/node_modules")
    assert [
        maker.fills(name)
        for name in ("web/node_modules", "web/packages/a/node_modules", "node_modules", "web/.venv")
    ] == [
        True,
        True,
        False,
        False,
    ]
