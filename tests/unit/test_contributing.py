"""What docs/contributing.md and docs/words.md say about the repository is so."""

import re
import tomllib

from tests import ROOT

PAGE = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
WORDS = (ROOT / "docs/words.md").read_text(encoding="utf-8")
LARGE = 2500  # lines: a package above this says why it is not two
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
    assert [name for name, _ in packages_of_the_page()] == packages


def test_each_package_that_is_large_has_its_reason_on_the_page() -> None:
    for name, reason in packages_of_the_page():
        lines = sum(
            len(file.read_text(encoding="utf-8").splitlines())
            for file in (ROOT / "nightlatch" / name).rglob("*.py")
        )
        assert reason or lines <= LARGE, name


def packages_of_the_page() -> list[tuple[str, str]]:
    """Return each package with the reason for its size, in the order of docs/words.md."""
    return re.findall(
        r"^\| `(\w+)` \| \w.* \| (.*?) ?\|$", WORDS.partition("## The packages")[2], re.MULTILINE
    )


def is_package(name: str) -> bool:
    # The former names of modules are no capability.
    return name != "edge" and (ROOT / "nightlatch" / name).is_dir()
