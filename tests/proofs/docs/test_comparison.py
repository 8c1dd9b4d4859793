"""docs/comparison.md: no cell of ours without a test that there is, no measured cell left empty."""

import ast
import re

from tests import ROOT
from tests.proofs.docs.pages import page

TEXT = page("comparison.md")
NAMED = {
    int(n): (file, name)
    for n, file, name in re.findall(r"^(\d+)\. `([^:`]+)::(\w+)`$", TEXT, re.MULTILINE)
}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("|")
]


def functions(file: str) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }


def test_every_test_that_is_named_exists_and_is_asked_for() -> None:
    assert [name for file, name in NAMED.values() if name not in functions(file)] == []
    asked = {
        int(n)
        for row in ROWS
        if row[0] == "nightlatch"
        for cell in row
        for n in re.findall(r"\[(\d+)\]", cell)
    }
    assert asked == {*NAMED} == {*range(1, len(NAMED) + 1)}


def test_every_cell_of_ours_names_its_test_but_the_times_of_the_bench() -> None:
    ours = [cell for row in ROWS if row[0] == "nightlatch" for cell in row[1:]]
    assert [
        cell
        for cell in ours
        if not re.search(r"\[\d+\]", cell) and "your tests and checks" not in cell
    ] == []


def test_no_cell_is_empty_and_each_table_has_every_driver() -> None:
    assert [row for row in ROWS if not all(row)] == []
    drivers = {re.sub(r"[ ,].*", "", row[0]) for row in ROWS} - {"driver", "---"}
    counts = {driver: sum(row[0].startswith(driver) for row in ROWS) for driver in drivers}
    assert len(drivers) == 8
    assert min(counts.values()) == 4, counts
