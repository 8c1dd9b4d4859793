"""What weakens a test of the base, and what only looks as if it did."""

import textwrap

import pytest

from nightlatch.model.models import Ruling
from nightlatch.ratchet.file_diffs import Text
from nightlatch.ratchet.static.examine import static_reasons

PYTHON_HEAD = "import pytest\nimport unittest\nfrom calc import add, parse\nimport calc\n\n"


def rules(
    old: str, new: str, path: str = "tests/test_calc.py", supersedes: tuple[str, ...] = ()
) -> set[str]:
    text = Text(path=path, old=textwrap.dedent(old), new=textwrap.dedent(new), test=True)
    return {
        reason.rule.removeprefix("ratchet.") for reason in static_reasons([text], supersedes, "any")
    }


def python(*lines: str) -> str:
    """A test of these lines after the usual imports."""
    return PYTHON_HEAD + "def test_add():\n" + "".join(f"    {line}\n" for line in lines)


THREE = ("assert add(1, 2) == 3", "assert add(2, 2) == 4", "assert add(0, 0) == 0")
RAISES = 'with pytest.raises(KeyError, match="no key"):'

PYTHON_WEAKER = [
    (
        "skip-added",
        python(*THREE),
        python(*THREE).replace("def test", '@pytest.mark.skip(reason="pre-existing")\ndef test'),
    ),
    (
        "skip-added",
        python(*THREE),
        python(*THREE).replace("def test", "@pytest.mark.xfail(strict=False)\ndef test"),
    ),
    (
        "skip-added",
        python(*THREE),
        python(*THREE).replace("def test", "@unittest.skipIf(True, 'later')\ndef test"),
    ),
    (
        "skip-added",
        python(*THREE),
        python(*THREE).replace(
            "def test", "later = pytest.mark.skipif(True, reason='x')\n\n@later\ndef test"
        ),
    ),
    (
        "skip-added",
        python(*THREE),
        "import pytest as pt\n" + python(*THREE).replace("def test", "@pt.mark.skip\ndef test"),
    ),
    (
        "skip-added",
        python(*THREE),
        "from pytest import mark\n" + python(*THREE).replace("def test", "@mark.skip\ndef test"),
    ),
    ("skip-added", python(*THREE), python("pytest.skip('flaky')", *THREE)),
    ("skip-condition", python(*THREE), python("pytest.importorskip('nope')", *THREE)),
    (
        "skip-condition",
        python(*THREE),
        "try:\n    import x\nexcept ImportError:\n    pytest.skip('no x')\n" + python(*THREE),
    ),
    (
        "skip-condition",
        python(*THREE),
        python("if sys.platform == 'win32':", "    pytest.skip('posix')", *THREE),
    ),
    (
        "skip-condition",
        python(*THREE),
        python(*THREE).replace("def test", "if os.environ.get('FULL'):\n  def test"),
    ),
    ("skip-condition", python(*THREE), python(*THREE).replace("def test", "if False:\n  def test")),
    (
        "skip-condition",
        python(*THREE),
        python(*THREE).replace("def test", "@pytest.mark.skipif(os.environ.get('CI'))\ndef test"),
    ),
    ("skip-added", python(*THREE), python("raise unittest.SkipTest", *THREE)),
    ("skip-added", python(*THREE), python(*THREE) + "\npytestmark = [pytest.mark.skip]\n"),
    ("skip-added", python(*THREE), python(*THREE) + "\n__test__ = False\n"),
    (
        "skip-added",
        python(*THREE),
        python(*THREE) + "\n@pytest.fixture(autouse=True)\ndef quiet():\n    pytest.skip('x')\n",
    ),
    ("skip-added", python(*THREE), python("pytest.exit('done', 0)", *THREE)),
    ("skip-added", python(*THREE), python("import os", "os._exit(0)", *THREE)),
    (
        "skip-added",
        python(*THREE),
        "def quiet():\n    pytest.skip('x')\n" + python(*THREE).replace("add():", "add(quiet):"),
    ),
    (
        "skip-added",
        python(*THREE),
        "def later(f):\n    return pytest.mark.skip(f)\n" + python("later(1)", *THREE),
    ),
    (
        "skip-added",
        python(*THREE),
        python(*THREE).replace("def test", "@getattr(pytest.mark, 'skip')\ndef test"),
    ),
    ("skip-added", python(*THREE), python(*THREE) + "test_add.__test__ = False\n"),
    ("shadowed", python(*THREE), python(*THREE) + "test_add = lambda: None\n"),
    ("fewer-assertions", python(*THREE), python(*THREE[:1])),
    ("fewer-assertions", python(*THREE), python("return", *THREE)),
    ("fewer-assertions", python(*THREE), python("add(1, 2)")),
    ("fewer-assertions", python(*THREE), python("if False:", *(f"    {line}" for line in THREE))),
    (
        "fewer-assertions",
        python(*THREE),
        python("import os", "if os.environ.get('CI'):", *(f"    {line}" for line in THREE)),
    ),
    (
        "fewer-assertions",
        python(*THREE),
        python("import os", "if not os.getenv('SLOW'):", "    return", *THREE),
    ),
    (
        "fewer-assertions",
        python(*THREE),
        python("for _ in []:", *(f"    {line}" for line in THREE)),
    ),
    (
        "fewer-assertions",
        python(*THREE),
        python("def later():", *(f"    {line}" for line in THREE)),
    ),
    (
        "fewer-assertions",
        python("for a in [1, 2, 3]:", "    assert add(a, 0) == a"),
        python("for a in [1]:", "    assert add(a, 0) == a"),
    ),
    ("constant-assertion", python(*THREE), python("assert True")),
    (
        "constant-assertion",
        python("assert add(1, 2) == 3"),
        python('assert (add(1, 2) == 3, "sum")'),
    ),
    (
        "constant-assertion",
        python("assert add(1, 2) == 3"),
        python("assert add(1, 2) == 3 or True"),
    ),
    (
        "constant-assertion",
        python("assert add(1, 2) == 3"),
        python("want = add(1, 2)", "assert add(1, 2) == want"),
    ),
    (
        "constant-assertion",
        python("want = 3", "assert add(1, 2) == want"),
        python("want = add(1, 2)", "assert add(1, 2) == want"),
    ),
    (
        "constant-assertion",
        python("assert add(1, 2) == 3"),
        python("assert (x for x in [add(1, 2) == 3])"),
    ),
    ("looser", python("assert add(1, 2) == 3"), python("assert add(1, 2) is not None")),
    ("looser", python("assert add(1, 2) == 3"), python("assert isinstance(add(1, 2), int)")),
    ("looser", python("assert add(1, 2) == 3"), python("result = add(1, 2)", "assert result")),
    ("looser", python("assert add(1, 2) == 3"), python("assert add(1, 2) in (3, 4)")),
    ("looser", python("assert len(parse('a')) == 3"), python("assert len(parse('a')) >= 1")),
    (
        "looser",
        python("assert add(.1, .2) == pytest.approx(.3)"),
        python("assert add(.1, .2) == pytest.approx(.3, abs=1)"),
    ),
    (
        "looser",
        python("assert add(1, 2) == pytest.approx(3, rel=1e-6)"),
        python("assert add(1, 2) == pytest.approx(3, rel=1e-1)"),
    ),
    ("looser", python("assert add(1, 2) < 5"), python("assert add(1, 2) < 500")),
    (
        "looser",
        python(*THREE),
        python(*THREE).replace("def test", "@pytest.mark.flaky(reruns=60)\ndef test"),
    ),
    (
        "wider-exception",
        python(RAISES, "    parse('')"),
        python("with pytest.raises(Exception):", "    parse('')"),
    ),
    (
        "wider-exception",
        python(RAISES, "    parse('')"),
        python("with pytest.raises((KeyError, ValueError)):", "    parse('')"),
    ),
    (
        "wider-exception",
        python(RAISES, "    parse('')"),
        python("with pytest.raises(LookupError):", "    parse('')"),
    ),
    (
        "wider-exception",
        python(RAISES, "    parse('')"),
        python("with pytest.raises(KeyError):", "    parse('')"),
    ),
    (
        "swallowed",
        python(*THREE),
        python("try:", *(f"    {line}" for line in THREE), "except Exception:", "    pass"),
    ),
    (
        "swallowed",
        python(*THREE),
        python("try:", *(f"    {line}" for line in THREE), "except:", "    print('no')"),
    ),
    (
        "swallowed",
        python(*THREE),
        python("with contextlib.suppress(AssertionError):", *(f"    {line}" for line in THREE)),
    ),
    (
        "unit-mocked",
        python(*THREE),
        python(*THREE).replace(
            "add():", "add(monkeypatch):\n    monkeypatch.setattr(calc, 'add', int)"
        ),
    ),
    (
        "unit-mocked",
        python(*THREE),
        python(*THREE).replace("def test", "@patch('calc.add')\ndef test"),
    ),
    (
        "unit-mocked",
        python("assert calc.add(1, 2) == 3"),
        python("calc.add = lambda a, b: 3", "assert calc.add(1, 2) == 3"),
    ),
    ("unit-mocked", python(*THREE), python(*THREE) + "\ndef add(a, b):\n    return a + b\n"),
    ("shadowed", python(*THREE), python(*THREE) + python(*THREE).removeprefix(PYTHON_HEAD)),
]
TABLE = """@pytest.mark.parametrize(("a", "b", "sum"), [(1, 2, 3), (2, 2, 4), (0, 0, 0)])
def test_add(a, b, sum):
    assert add(a, b) == sum
"""
PYTHON_WEAKER += [
    ("fewer-rows", PYTHON_HEAD + TABLE, PYTHON_HEAD + TABLE.replace("(2, 2, 4), ", ""))
]

PYTHON_HONEST = [
    (
        python(*THREE),
        python(*THREE)
        + "\n@pytest.mark.skipif(sys.platform == 'win32', reason='posix')\ndef test_new():\n   "
        " assert add(3, 3) == 6\n",
    ),
    (python(*THREE), python(*THREE).replace("def test", "@pytest.mark.slow\ndef test")),
    (
        python(*THREE),
        python(*THREE).replace("def test", "@pytest.mark.parametrize('x', [1, 2])\ndef test"),
    ),
    (python("parser.skip(3)", *THREE), python("parser.skip(4)", "parser.skip(5)", *THREE)),
    (python("assert add(1, 2) == 3"), python("result = add(1, 2)", "assert result == 3")),
    (python("assert add(1, 2) == 3"), python("assert add(1, 2) == 4")),
    (
        python("r = parse('x')", "assert r.a == 1", "assert r.b == 2"),
        python("r = parse('x')", "assert r == Row(1, 2)"),
    ),
    (
        python("a, b = parse('x')", "assert a == 1", "assert b == 2"),
        python("a, b = parse('x')", "assert (a, b) == (1, 2)"),
    ),
    (python(*THREE), PYTHON_HEAD + TABLE),
    (
        python(*THREE),
        python("for a, b, c in [(1, 2, 3), (2, 2, 4), (0, 0, 0)]:", "    assert add(a, b) == c"),
    ),
    (
        python(*THREE),
        python("check_sums(THREE)")
        + "\ndef check_sums(rows):\n    assert rows[0] == 0\n    assert rows[1] == 1\n    assert"
        " rows[2] == 2\n",
    ),
    (python(*THREE), python("check_sums(THREE)")),
    (python(*THREE), python(*THREE[:2]) + "\ndef test_zero():\n    assert add(0, 0) == 0\n"),
    (
        python("try:", "    add(1, 2)", "except TypeError:", "    pytest.fail('no')", *THREE),
        python(
            "try:",
            "    add(1, 2)",
            "except Exception as e:",
            "    raise AssertionError from e",
            *THREE,
        ),
    ),
    (
        python("assert add(.1, .2) == pytest.approx(.3, abs=1e-3)"),
        python("assert add(.1, .2) == pytest.approx(.3, abs=1e-6)"),
    ),
    (python("assert add(.1, .2) == .3"), python("assert add(.1, .2) == pytest.approx(.3)")),
    (python("assert add(1, 2) > 5"), python("assert add(1, 2) > 50")),
    (python("with pytest.raises(Exception):", "    parse('')"), python(RAISES, "    parse('')")),
    (
        python("with pytest.raises(KeyError):", "    parse('')"),
        python("with pytest.raises(ValueError):", "    parse('')"),
    ),
    (
        python(*THREE),
        python(*THREE).replace(
            "add():", "add(monkeypatch):\n    monkeypatch.setattr(calc, 'now', int)"
        ),
    ),
    (
        python(*THREE),
        python(*THREE).replace("from calc import add, parse", "from calc.core import add, parse"),
    ),
    (
        python("x = stub(1)", *THREE),
        python("x = stub(1)", *THREE).replace(
            "import calc\n", "import calc\ndef stub(n): return n\n"
        ),
    ),
    (
        "from pretend import stub\n" + python("x = stub(1)", *THREE),
        "def stub(n):\n    return n\n" + python("x = stub(1)", *THREE),
    ),
    (
        python("try:", "    add(1)", "except Exception as e:", "    x = e", *THREE),
        "def line():\n    return 1\n\n"
        + python(
            "try:", "    x = line()", "    add(1)", "except Exception as e:", "    x = e", *THREE
        ),
    ),
    (python(*THREE), python("assert True, 'always'", *THREE)),
    (python("assert parse('x') == True"), python("assert parse('x')")),
    (python("assert parse('x') == None"), python("assert parse('x') is None")),
    (
        (
            "class TestX(TestCase):\n    def test_a(self):\n        self.assertEqual(add(1, 2),"
            " 3)\n        self.assertTrue(add(1, 2) == 3)\n"
        ),
        (
            "class TestX:\n    def test_a(self):\n        assert add(1, 2) == 3\n        assert"
            " add(1, 2) == 3\n"
        ),
    ),
    (python(*THREE), python(*THREE).replace("test_add", "test_sums")),
    (python(*THREE), python(*THREE, *THREE)),
]


@pytest.mark.parametrize(("rule", "old", "new"), PYTHON_WEAKER)
def test_a_weaker_python_test_is_named(rule: str, old: str, new: str) -> None:
    assert rules(old, new) == {rule}


@pytest.mark.parametrize(("old", "new"), PYTHON_HONEST)
def test_an_honest_change_of_a_python_test_is_not(old: str, new: str) -> None:
    assert rules(old, new) == set()


def test_what_a_feature_supersedes_may_become_weaker() -> None:
    for name in ("tests/test_calc.py", "tests/test_calc.py::test_add", "test_add", "tests/*"):
        assert rules(python(*THREE), python("assert True"), supersedes=(name,)) == set()
    assert rules(python(*THREE), python("assert True"), supersedes=("test_other",)) == {
        "constant-assertion"
    }


def test_a_renamed_test_is_still_held_against_the_old_one() -> None:
    new = python("assert add(1, 2) == 3", "assert add(2, 2) == 4", "assert add(0, 0) == 0").replace(
        "test_add", "test_sums"
    )
    assert rules(python(*THREE), new.replace("def test", "@pytest.mark.skip\ndef test")) == {
        "skip-added"
    }


def test_a_test_file_that_cannot_be_read_any_more_is_held() -> None:
    [found] = static_reasons(
        [Text(path="tests/test_a.py", old="x = 1\n", new="x = (\n", test=True)]
    )
    assert (found.rule, found.ruling) == ("ratchet.unreadable-test", Ruling.HOLD)
