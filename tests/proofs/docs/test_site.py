"""The docs read well on a forge and build as a site: strictly, without a network, with every
link leading somewhere."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests import ROOT
from tests.proofs.docs.reading import PAGES, anchors, links

ELSEWHERE = r"""<(?:script|img|iframe|source|video|audio)[^>]*\bsrc=["']?(?:https?:)?//|<link[^>]*\bhref=["']?(?:https?:)?//"""


def built(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder), *args]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = built(folder)
    assert done.returncode == 0, (
        f"{done.stderr}\na new page needs a line of nav in mkdocs.yml; a link needs a file, or a"
        " heading"
    )
    return folder


@pytest.mark.parametrize(("old", "new"), [("      - plan.md\n", ""), ("plan.md", "plans.md")])
def test_a_page_without_a_line_of_nav_and_a_line_without_a_page_fail_the_build(
    tmp_path: Path, old: str, new: str
) -> None:
    settings = tmp_path / "mkdocs.yml"
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    settings.write_text(
        text.replace("docs_dir: docs", f"docs_dir: {ROOT / 'docs'}").replace(old, new)
    )
    done = built(tmp_path / "site", "--config-file", str(settings))
    assert (done.returncode, "plan" in done.stderr) == (1, True)


def test_the_site_builds_strictly_and_has_every_page(context: Path) -> None:
    pages = {
        page.removeprefix("docs/").removesuffix(".md") for page in PAGES if page != "README.md"
    }
    assert pages <= {
        str(file.relative_to(context).with_suffix("")) for file in context.rglob("*.html")
    }


def test_a_page_of_the_site_fetches_nothing_from_another_host(context: Path) -> None:
    pages = {
        file.name: file.read_text(encoding="utf-8")
        for file in (*context.rglob("*.html"), *context.rglob("*.css"))
    }
    assert [
        name
        for name, text in pages.items()
        if re.search(ELSEWHERE, text) or re.search(r"url\([\"']?https?:", text)
    ] == []


def test_no_list_and_no_table_of_a_page_is_left_as_text_by_the_site(context: Path) -> None:
    found = {
        f"{file.relative_to(context)}: {line}"
        for file in context.rglob("*.html")
        for paragraph in re.findall(r"<p>(.*?)</p>", file.read_text(encoding="utf-8"), re.DOTALL)
        for line in paragraph.splitlines()
        if re.match(r"([-*|]|\d+\.) ", line)
    }
    assert found == set(), "a list or a table wants an empty line before it"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_to_a_heading_of_it(page: str) -> None:
    here = ROOT / page
    lost = []
    for link in links(page):
        path, _, anchor = unquote(link).partition("#")
        target = here.parent / path if path else here
        if "://" in link or link.startswith("mailto:"):
            continue
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in anchors(target)
        ):
            lost.append(link)
    assert lost == []


def test_what_is_made_from_the_code_is_what_the_code_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs/make.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")
