"""Which files, code and areas the words of a feature name."""

import pytest

from nightlatch.record.findings.mentions import code_words, named_files, stems

PATHS = (
    *(
        "src/billing/invoices.py",
        "src/billing/taxes.py",
        "src/shop/Cart.tsx",
        "src/shop/invite-form.ts",
        "app/auth.py",
    ),
    *(
        "tests/test_taxes.py",
        "web/cart.test.tsx",
        "snapshots/a.txt",
        "snapshots/b.txt",
        "src/main.py",
        ".github/workflows/ci.yml",
    ),
    *(f"apps/{n}/models.py" for n in range(5)),
)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Repair src/billing/taxes.py.", ["src/billing/taxes.py"]),
        ("Repair ./src/billing/taxes.py, soon", ["src/billing/taxes.py"]),
        ("in `billing/taxes.py`", ["src/billing/taxes.py"]),
        ("taxes.py:10-20 is wrong", ["src/billing/taxes.py"]),
        (
            "python -m pytest tests/test_taxes.py::test_half",
            ["src/billing/taxes.py", "tests/test_taxes.py"],
        ),
        ("npx vitest web/cart.test.tsx", ["src/shop/Cart.tsx", "web/cart.test.tsx"]),
        ("The cart is empty", ["src/shop/Cart.tsx"]),
        ("An invoice is sent twice", ["src/billing/invoices.py"]),
        ("import app.auth", ["app/auth.py"]),
        ("the invite-form jumps", ["src/shop/invite-form.ts"]),
        ("everything in src/billing/", ["src/billing/invoices.py", "src/billing/taxes.py"]),
        ("snapshots/*", ["snapshots/a.txt", "snapshots/b.txt"]),
        (".github/workflows/ci.yml", [".github/workflows/ci.yml"]),
        ("the models of the main page", []),
        ("**taxing** and /", []),
    ],
)
def test_a_text_names_files_by_path_by_name_by_folder_and_by_their_test(
    text: str, named: list[str]
) -> None:
    assert sorted(named_files(text, PATHS)) == named


def test_the_paths_of_a_project_in_a_folder_are_written_without_it() -> None:
    paths = ("shop/src/a.py", "other/src/a.py", "shop/docs/x.md", "shop/docs/y.md")
    assert named_files("Repair src/a.py and docs/api", paths, "shop") >= {"shop/src/a.py"}
    assert sorted(named_files("all of src/a.py", ("shop/src/a.py",), "shop")) == ["shop/src/a.py"]


def test_a_folder_of_half_the_project_is_not_meant_as_one_thing() -> None:
    assert named_files("below src/big", [f"src/big/f{n}.py" for n in range(61)]) == frozenset()


def test_code_is_told_from_words() -> None:
    text = (
        "`price` and round_tax of InvoiceForm call parseRate, then refund(); the order of names"
        " stays"
    )
    assert code_words(text) == {"price", "round_tax", "InvoiceForm", "parseRate", "refund"}


@pytest.mark.parametrize(
    "words",
    [
        "invites Invitation invited",
        "billing bills billed",
        "caching caches cache",
        "membership member members",
    ],
)
def test_a_word_is_the_same_in_all_its_forms(words: str) -> None:
    assert len(stems(words)) == 1


def test_words_of_any_sentence_tell_no_area() -> None:
    assert stems("This should never fail with the files that users have, src/test") == frozenset()
