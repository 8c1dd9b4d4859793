"""A new environment beside the old one: what came in is said, and what changed unasked is found."""

from pathlib import Path

import pytest

from nightlatch.workspace import environment

SITE = ".venv/lib/python3.11/site-packages"


def put(top: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        place = top / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return top


def python(name: str, version: str, files: dict[str, str]) -> dict[str, str]:
    """An installed distribution, with the record of its files."""
    info = f"{SITE}/{name}-{version}.dist-info"
    listed = "".join(f"{path},sha256=x,1\n" for path in files)
    own = {f"{SITE}/{path}": text for path, text in files.items()}
    return {
        **own,
        f"{info}/METADATA": f"Name: {name}\nVersion: {version}\n",
        f"{info}/RECORD": listed,
        f"{info}/INSTALLER": "pip",
    }


BASE = {
    **python("runner", "1.0", {"runner/main.py": "run()\n", "../../../bin/runner": "#!python\n"}),
    ".venv/bin/python": "elf\n",
    "target/build.o": "1",
    "node_modules/left/index.js": "1",
    "node_modules/left/package.json": '{"version": "1.0.0"}',
}


def said(tmp_path: Path, changes: dict[str, str | None]) -> list[tuple[str, tuple[str, ...]]]:
    old = put(tmp_path / "old", BASE)
    kept = {name: text for name, text in {**BASE, **changes}.items() if text is not None}
    new = put(tmp_path / "new", kept)
    return [(each.rule, each.detail) for each in environment.compared(old, new)]


def test_packages_that_come_go_and_move_are_said(tmp_path: Path) -> None:
    more = {
        **python("extra", "2.0", {"extra.py": "x", "extra.pth": "import extra\n"}),
        "node_modules/@a/b/package.json": '{"version": "3"}',
        "node_modules/left/package.json": '{"version": "1.1.0"}',
        "node_modules/left/index.js": "2",
        "target/build.o": "2",
    }
    gone = dict.fromkeys(python("runner", "1.0", {"runner/main.py": "", "../../../bin/runner": ""}))
    assert said(tmp_path, {**more, **gone}) == [
        (
            "tests.environment-changed",
            (
                "extra 2.0",
                "node_modules/@a/b 3",
                "node_modules/left 1.0.0 -> 1.1.0",
                "runner is gone",
            ),
        ),
    ]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{SITE}/runner/main.py", "pass\n"),
        (f"{SITE}/runner/main.py", None),
        (".venv/bin/runner", "#!sh\n"),
        (".venv/bin/python", "other\n"),
        ("node_modules/left/index.js", "2"),
        (f"{SITE}/sitecustomize.py", "x\n"),
        (f"{SITE}/zz.pth", "import os\n"),
    ],
)
def test_what_nothing_asked_to_change_is_found(tmp_path: Path, path: str, text: str | None) -> None:
    ((rule, detail),) = said(tmp_path, {path: text})
    assert (rule, path in detail) == ("tests.environment-tampered", True)


def test_what_a_package_manager_writes_each_time_is_nothing(tmp_path: Path) -> None:
    info = f"{SITE}/runner-1.0.dist-info"
    written = {
        f"{info}/INSTALLER": "uv",
        f"{SITE}/runner/__pycache__/main.pyc": "x",
        "node_modules/.package-lock.json": "{}",
    }
    assert said(tmp_path, dict(written)) == []


PNPM = {
    "node_modules/.pnpm/left@1.0.0/node_modules/left/package.json": (
        '{"version": "1.0.0", "bin": {"pad": "pad.js"}}'
    ),
    "node_modules/.bin/pad": "exec left@1.0.0\n",
    "node_modules/.pnpm/lock.yaml": "left 1.0.0",
}


def pnpm(top: Path, version: str, program: str = "") -> Path:
    put(
        top,
        {
            name.replace("1.0.0", version): text.replace("1.0.0", version)
            for name, text in PNPM.items()
        },
    )
    (top / "node_modules/left").symlink_to(f".pnpm/left@{version}/node_modules/left")
    if program:
        put(top, {"node_modules/.bin/pad": program})
    return top


def test_links_and_programs_of_node_belong_to_their_package(tmp_path: Path) -> None:
    old, new, same = (
        pnpm(tmp_path / "old", "1.0.0"),
        pnpm(tmp_path / "new", "1.1.0"),
        pnpm(tmp_path / "same", "1.0.0", "exec mine\n"),
    )
    assert [(one.rule, one.detail) for one in environment.compared(old, new)] == [
        ("tests.environment-changed", ("node_modules/left 1.0.0 -> 1.1.0",)),
    ]
    assert [(one.rule, one.detail) for one in environment.compared(old, same)] == [
        ("tests.environment-tampered", ("node_modules/.bin/pad",)),
    ]


CARGO, GO = ".cargo/registry", "go/pkg/mod"
STORES = {
    f"{CARGO}/cache/index-1/left-pad-1.0.0.crate": "crate",
    f"{CARGO}/src/index-1/left-pad-1.0.0/src/lib.rs": "pub fn pad() {}",
    f"{CARGO}/index/index-1/.cache/le/ft/left-pad": "1.0.0",
    f"{GO}/cache/download/example.com/one/@v/v1.0.0.zip": "zip",
    f"{GO}/cache/download/example.com/one/@v/list": "v1.0.0",
    f"{GO}/example.com/one@v1.0.0/one.go": "package one",
}


@pytest.mark.parametrize(
    ("more", "rule", "detail"),
    [
        (
            {f"{CARGO}/src/index-1/left-pad-1.0.0/src/lib.rs": "mine"},
            "tests.environment-tampered",
            f"~/{CARGO}/src/index-1/left-pad-1.0.0/src/lib.rs",
        ),
        (
            {f"{CARGO}/cache/index-1/left-pad-1.0.0.crate": "mine"},
            "tests.environment-tampered",
            f"~/{CARGO}/cache/index-1/left-pad-1.0.0.crate",
        ),
        (
            {f"{GO}/example.com/one@v1.0.0/one.go": "mine"},
            "tests.environment-tampered",
            f"~/{GO}/example.com/one@v1.0.0/one.go",
        ),
        (
            {f"{GO}/cache/download/example.com/one/@v/v1.0.0.zip": "mine"},
            "tests.environment-tampered",
            f"~/{GO}/cache/download/example.com/one/@v/v1.0.0.zip",
        ),
        (
            {
                f"{CARGO}/cache/index-1/wide-2.0.0-rc.1.crate": "",
                f"{CARGO}/index/index-1/.cache/le/ft/left-pad": "1.0.0 2.0.0",
            },
            "tests.environment-changed",
            "wide 2.0.0-rc.1",
        ),
        (
            {
                f"{GO}/cache/download/example.com/two/@v/v0.1.0.zip": "",
                f"{GO}/cache/download/example.com/one/@v/list": "v1.0.0 v2",
            },
            "tests.environment-changed",
            "example.com/two v0.1.0",
        ),
    ],
)
def test_stores_of_cargo_and_go_are_compared(
    tmp_path: Path, more: dict[str, str], rule: str, detail: str
) -> None:
    for name, files in {"old": STORES, "new": {**STORES, **more}}.items():
        put(tmp_path / name / "tree", {})
        put(tmp_path / name / "home", files)
    assert [
        (one.rule, one.detail)
        for one in environment.compared(tmp_path / "old/tree", tmp_path / "new/tree")
    ] == [(rule, (detail,))]
