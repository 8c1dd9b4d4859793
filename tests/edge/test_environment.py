"""A new environment beside the old one: what came in is said, and what changed unasked is found."""

from pathlib import Path

import pytest

from nightlatch.edge import environment

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
    return {**own, f"{info}/METADATA": f"Name: {name}\nVersion: {version}\n", f"{info}/RECORD": listed, f"{info}/INSTALLER": "pip"}


BASE = {**python("runner", "1.0", {"runner/main.py": "run()\n", "../../../bin/runner": "#!python\n"}), ".venv/bin/python": "elf\n",
        "target/build.o": "1", "node_modules/left/index.js": "1",
        "node_modules/left/package.json": '{"version": "1.0.0"}'}  # fmt: skip


def said(tmp_path: Path, changes: dict[str, str | None]) -> list[tuple[str, tuple[str, ...]]]:
    old = put(tmp_path / "old", BASE)
    kept = {name: text for name, text in {**BASE, **changes}.items() if text is not None}
    new = put(tmp_path / "new", kept)
    return [(each.rule, each.detail) for each in environment.compared(old, new)]


def test_packages_that_come_go_and_move_are_said(tmp_path: Path) -> None:
    more = {**python("extra", "2.0", {"extra.py": "x", "extra.pth": "import extra\n"}),
            "node_modules/@a/b/package.json": '{"version": "3"}',
            "node_modules/left/package.json": '{"version": "1.1.0"}', "node_modules/left/index.js": "2", "target/build.o": "2"}  # fmt: skip
    gone = dict.fromkeys(python("runner", "1.0", {"runner/main.py": "", "../../../bin/runner": ""}))
    assert said(tmp_path, {**more, **gone}) == [
        ("tests.environment-changed", ("extra 2.0", "node_modules/@a/b 3", "node_modules/left 1.0.0 -> 1.1.0", "runner is gone")),
    ]


@pytest.mark.parametrize(("path", "text"), [
    (f"{SITE}/runner/main.py", "pass\n"), (f"{SITE}/runner/main.py", None), (".venv/bin/runner", "#!sh\n"),
    (".venv/bin/python", "other\n"),
    ("node_modules/left/index.js", "2"), (f"{SITE}/sitecustomize.py", "x\n"), (f"{SITE}/zz.pth", "import os\n"),
])  # fmt: skip
def test_what_nothing_asked_to_change_is_found(tmp_path: Path, path: str, text: str | None) -> None:
    ((rule, detail),) = said(tmp_path, {path: text})
    assert (rule, path in detail) == ("tests.environment-tampered", True)


def test_what_a_package_manager_writes_each_time_is_nothing(tmp_path: Path) -> None:
    info = f"{SITE}/runner-1.0.dist-info"
    written = {f"{info}/INSTALLER": "uv", f"{SITE}/runner/__pycache__/main.pyc": "x", "node_modules/.package-lock.json": "{}"}
    assert said(tmp_path, dict(written)) == []
