"""What docs/contributing.md says about the repository is so."""

import re
import tomllib

from tests import ROOT

PAGE = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
PATH = re.compile(r"`((?:nightlatch|tests|docs|changes|shipped)/[^\s`]*)`")


def test_every_path_of_the_page_is_there() -> None:
    named = PATH.findall(PAGE)
    assert len(named) > 30
    for path in named:
        # What is to be added has a place already.
        there, _, new = path.partition("NAME")
        place = ROOT / (there.rpartition("/")[0] if new else path)
        assert place.exists() or (ROOT / "nightlatch" / path).exists(), path


def test_the_packages_of_the_page_are_all_there_are_in_the_order_of_the_imports() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    packages = [name for name in reversed(contract["layers"]) if is_package(name)]
    rows = re.findall(r"^\| (`.*?`) \| \w", PAGE.partition("## How it is tested")[0], re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == packages


def is_package(name: str) -> bool:
    # The former names of modules are no capability.
    return name != "edge" and (ROOT / "nightlatch" / name).is_dir()
