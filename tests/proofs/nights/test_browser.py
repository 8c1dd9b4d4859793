"""The worked example of docs/security.md: a check that looks at the page in a browser, inside
the sandbox and without the network."""

import os
import shutil
from pathlib import Path

import pytest

from tests import ROOT
from tests.stories.sample_project import feature, make_project

PAGE = """<!doctype html><title>Till</title><p id="total"></p>
<script>fetch("prices.json").then((r) => r.json()).then((p) => { document.getElementById("total").textContent = p.reduce(ADD); })</script>
"""
BROKEN, WORKING = "(a, b) => a + c", "(a, b) => a + b"


@pytest.mark.sandbox
@pytest.mark.skipif(
    not shutil.which("chromium"), reason="chromium is not installed (apt install chromium)"
)
def test_a_page_lands_when_a_browser_shows_that_it_works(
    tmp_path: Path, plain_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{plain_python}:{os.environ['PATH']}")
    check = (ROOT / "docs/examples/30-page").read_text()
    project = make_project(tmp_path, [feature(1, verify="test -f index.html")])
    project.write("checks/30-page", check, mode=0o755)
    project.commit()
    prices: dict[str, object] = {"write": "prices.json", "text": "[40, 80]\n"}

    def writes(add: str) -> list[dict[str, object]]:
        return [prices, {"write": "index.html", "text": PAGE.replace("ADD", add)}]

    project.night([writes(BROKEN), writes(WORKING)])

    assert [word for word, _, _ in project.outcomes()] == ["rejected", "landed"]
    assert list((project.folder / ".nightlatch").rglob("*page.png"))
