"""docs/tutorial.md, worked through in its order in a fresh folder; what it shows is what is
printed."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, STDOUT

import pytest

from tests import PATIENCE, ROOT
from tests.proofs.docs.fixtures import programs
from tests.proofs.docs.reading import Block, blocks

PAGE = "docs/tutorial.md"
OTHERS = ("pipx install .", "--budget 20")
CHANGING = {
    r"[rd]-\d{8}-\d{6}": "r-RUN",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z": "TIME",
    r"\d{4}-\d\d-\d\d \d\d:\d\d to [^U]*UTC": "FROM TO",
    r"\b\d\d:\d\d UTC": "CLOCK",
    r"\bN-[0-9a-z]{7}\b": "N-ID",
    r"\b[0-9a-f]{7,9}\b": "COMMIT",
    r"\b\d+(\.\d+)? ?s\b": "SECONDS",
    r"\b\d+m\b": "MINUTES",
}


def normal(text: str) -> list[str]:
    for pattern, instead in CHANGING.items():
        text = re.sub(pattern, instead, text)
    return [line.rstrip() for line in text.strip().splitlines()]


def agrees(shown: list[str], real: list[str]) -> bool:
    """Is this what was printed, line by line? `[...]` stands for any lines, also for none."""
    if not shown:
        return not real
    if shown[0] == "[...]":
        return any(agrees(shown[1:], real[start:]) for start in range(len(real) + 1))
    return bool(real) and shown[0] == real[0] and agrees(shown[1:], real[1:])


def steps() -> Iterator[tuple[Block, Block | None]]:
    """Each block of commands that this page wants run, with the block that shows what it
    prints, if one follows."""
    told = [block for block in blocks(PAGE) if block.language in ("sh", "text")]
    for block, after in zip(told, [*told[1:], None], strict=True):
        if block.language == "sh" and not any(other in block.text for other in OTHERS):
            yield block, after if after and after.language == "text" else None


@pytest.mark.sandbox
def test_the_tutorial_works_in_its_order_and_prints_what_it_shows(
    tmp_path: Path, slim_pytest: Path
) -> None:
    path = programs(tmp_path / "bin").replace(":", f":{slim_pytest}:", 1)
    env = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "NIGHTLATCH_CACHE": str(tmp_path / "cache"),
    }
    folder, kept = tmp_path, tmp_path / "folder"
    for block, shown in steps():
        argv = ["sh", "-e", "-c", f"trap 'pwd > {kept}' EXIT\n{block.text}"]
        done = subprocess.run(
            argv,
            cwd=folder,
            env=env,
            stdout=PIPE,
            stderr=STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        wanted = re.search(r"# exit code (\d+)", block.text)
        assert done.returncode == int(wanted[1] if wanted else 0), f"{block.place}\n{done.stdout}"
        if shown:
            real = normal(done.stdout)
            assert agrees(normal(shown.text), real), (
                f"{shown.place}: this is printed:\n" + "\n".join(real)
            )
        folder = Path(kept.read_text().strip())


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [
        ("a\nb", "a\nb", True),
        ("a\n[...]", "a\nb\nc", True),
        ("[...]\na\n[...]\nb", "a\nx\nb", True),
        ("a", "a\nb", False),
        ("a\n[...]\nc", "a\nb", False),
        ("r-20261120-220132 b9930de 1.5 s", "r-20301231-000000 0000000 0.1 s", True),
    ],
)
def test_what_is_shown_is_compared_line_by_line(shown: str, real: str, same: bool) -> None:
    assert agrees(normal(shown), normal(real)) is same
