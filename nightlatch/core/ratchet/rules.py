"""What the static layers of the ratchet can say, and what to do where they are mistaken."""

from nightlatch.core.models import Rule, Ruling

AS_HOLD = (
    "Where the change is meant, `approve` the feature, or name the test in its `supersedes`"
    " beforehand."
)
AS_SELECTION = (
    "A person changes how tests are found in a commit of their own; what the tests then say becomes"
    " the next base."
)

STATIC = {
    "ratchet.runner-selection": Rule(
        says="how the test runner finds or runs tests was changed: {n}",
        next=(
            "Put the runner's configuration back: its options, patterns and folders belong to a"
            " person."
        ),
        example=(
            '`addopts = "--deselect tests/test_core.py::test_sum"` in pyproject.toml, or a new'
            " pytest.ini that takes its place"
        ),
        wrong=AS_SELECTION,
    ),
    "ratchet.runner-hook": Rule(
        says="code that steers the test runner itself was added or changed: {n}",
        next=(
            "Take out the hook: no pytest_* function, no load_tests, no TestMain that hides what"
            " m.Run says."
        ),
        example=(
            "`def pytest_runtest_makereport(...)` in conftest.py that turns failures into passes"
        ),
        wrong=AS_SELECTION,
    ),
    "ratchet.test-startup": Rule(
        says="code that runs before every test was added or changed: {n}",
        next="Move the code into a fixture or a helper that the tests ask for by name.",
        ruling=Ruling.HOLD,
        example=(
            "`os.environ['MODE'] = 'fake'` at the top of conftest.py, an autouse fixture that"
            " replaces a function of the package"
        ),
        wrong=AS_HOLD,
    ),
    "ratchet.protected-path": Rule(
        says="files that decide what is checked were changed: {n}",
        next="Leave checks, CI, task files and prompts alone, or have a person look at the change.",
        ruling=Ruling.HOLD,
        example="a step taken out of .github/workflows/tests.yml",
        wrong=AS_HOLD,
    ),
    "ratchet.new-dependency": Rule(
        says="dependencies that the base did not have: {n}",
        next="",
        ruling=Ruling.FLAG,
        example='`"leftpad": "^1"` in package.json',
        wrong="It refuses nothing: it is a remark in the report.",
    ),
    "ratchet.runner-dependency": Rule(
        says=(
            "dependencies that are part of the test runner, or may take its place, were"
            " changed: {n}"
        ),
        next="Leave the test runner and its plugins as the base has them.",
        ruling=Ruling.HOLD,
        example=(
            "`pytest-rerunfailures` in requirements-dev.txt, `replace github.com/stretchr/testify"
            " => ./shim` in go.mod"
        ),
        wrong=AS_HOLD,
    ),
    "ratchet.skip-added": Rule(
        says="tests of the base are skipped, expected to fail or left out by a marker now: {n}",
        next=(
            "These tests were restored. Make them run and pass without a skip, an expected failure"
            " or a focus on other tests."
        ),
        example=(
            '`@pytest.mark.skip(reason="pre-existing")`, `it.skip(...)`, `t.Skip()`, `#[ignore]` on'
            " a test that the base has"
        ),
        wrong="Name the test in the feature's `supersedes`; new tests may carry any skip.",
    ),
    "ratchet.skip-condition": Rule(
        says="tests of the base are skipped under a condition now: {n}",
        next="Make these tests run wherever they ran before.",
        ruling=Ruling.HOLD,
        example=(
            '`@pytest.mark.skipif(os.environ.get("CI"), reason="slow")`,'
            ' `pytest.importorskip("yaml")`'
        ),
        wrong=AS_HOLD,
    ),
    "ratchet.fewer-assertions": Rule(
        says="tests of the base assert less than before: {n}",
        next="Keep every assertion of these tests reachable, or let another test make it.",
        ruling=Ruling.HOLD,
        example="two of three `assert` lines gone, or a `return` before them",
        wrong=AS_HOLD,
    ),
    "ratchet.fewer-rows": Rule(
        says="tests of the base run with fewer rows of parameters: {n}",
        next="Put the rows back, or move them to another test.",
        ruling=Ruling.HOLD,
        example="`@pytest.mark.parametrize` with four of its five rows",
        wrong=AS_HOLD,
    ),
    "ratchet.looser": Rule(
        says="assertions of the base's tests let more pass than before: {n}",
        next="Put tolerances, limits, timeouts and exact comparisons back.",
        ruling=Ruling.HOLD,
        example="`approx(2.67, abs=1)` for `approx(2.67)`, `is not None` for `== 4`, `retry: 9`",
        wrong=AS_HOLD,
    ),
    "ratchet.wider-exception": Rule(
        says="tests of the base accept more errors than before: {n}",
        next="Expect the exception, and its message, as exactly as the base did.",
        ruling=Ruling.HOLD,
        example=(
            "`pytest.raises(Exception)` for `pytest.raises(KeyError)`, `toThrow()` for"
            " `toThrow(RangeError)`"
        ),
        wrong=AS_HOLD,
    ),
    "ratchet.constant-assertion": Rule(
        says="tests of the base assert something that is always true: {n}",
        next="Compare what the code returns with a value that the test states itself.",
        ruling=Ruling.HOLD,
        example=(
            '`assert True`, `assert (a == b, "message")`, an `expect(p).rejects` that nobody awaits'
        ),
        wrong=AS_HOLD,
    ),
    "ratchet.expectation-changed": Rule(
        says="tests of the base that no run asks by id claim something else now: {n}",
        next=(
            "Put these tests back as they were and make the code pass them; what is new belongs"
            " into tests of its own."
        ),
        ruling=Ruling.HOLD,
        example=(
            "`assert_equal 350, total` became `assert_equal 351, total`, and nothing that runs says"
            " which of them is right"
        ),
        wrong=(
            "`approve` it, or name the test in the feature's `supersedes` beforehand. A runner that"
            " reports ids decides it by running."
        ),
    ),
    "ratchet.input-gone": Rule(
        says=(
            "tests of the base, which the new code passes as they were, do not ask what they"
            " asked: {n}"
        ),
        next="Put these tests back as they were; what is new belongs into tests of its own.",
        ruling=Ruling.HOLD,
        example=(
            "`add(100, 250)` became `add(100, 249)`: whoever breaks the first one later is not"
            " noticed"
        ),
        wrong="`approve` it, or name the test in the feature's `supersedes` beforehand.",
    ),
    "ratchet.swallowed": Rule(
        says="tests of the base catch what their own assertions raise: {n}",
        next="Let a failing assertion leave the test.",
        ruling=Ruling.HOLD,
        example="`try: assert f() == 1` with `except Exception: pass`",
        wrong=AS_HOLD,
    ),
    "ratchet.unit-mocked": Rule(
        says="tests of the base replace the code that they test: {n}",
        next="Test the project's own code, not a stand-in for it.",
        ruling=Ruling.HOLD,
        example="`monkeypatch.setattr(calc, 'add', lambda a, b: 4)` in a test of `calc.add`",
        wrong=AS_HOLD,
    ),
    "ratchet.shadowed": Rule(
        says="tests of the base are replaced by later tests of the same name: {n}",
        next="Give the new tests names of their own.",
        ruling=Ruling.HOLD,
        example="a second `def test_sum` further down in the file",
        wrong=AS_HOLD,
    ),
    "ratchet.unreadable-test": Rule(
        says="test files that could be read at the base cannot be read now: {n}",
        next="Correct the syntax of these files.",
        ruling=Ruling.HOLD,
        example="an unclosed bracket in tests/test_core.py",
        wrong=(
            "Syntax newer than the Python that runs the loop cannot be read: run the loop with that"
            " Python, or `approve`."
        ),
    ),
    "ratchet.check-loosened": Rule(
        says="what checks of code enforce was loosened: {n}",
        next=(
            "Put the configuration of these tools back and make the code pass with it; what is"
            " stricter, or says the same, may stay."
        ),
        ruling=Ruling.HOLD,
        example=(
            '`ignore = ["F401"]` for ruff, `"no-unused-vars": "off"` for eslint, `fail_under = 60`'
            " for 80, `eslint . || true`"
        ),
        wrong=AS_HOLD,
    ),
    "ratchet.suppression-added": Rule(
        says="code asks a check to look away where it did not before: {n}",
        next=(
            "Take out the suppression and mend what the tool says. One that only moves with its"
            " line is not counted."
        ),
        ruling=Ruling.HOLD,
        example=(
            "`# type: ignore`, `// eslint-disable-next-line`, `#[allow(dead_code)]`, `//nolint`, `#"
            " pragma: no cover` on a new line"
        ),
        wrong=AS_HOLD,
    ),
    "ratchet.knows-tests": Rule(
        says="code outside the tests looks at how it is tested: {n}",
        next=(
            "The code must behave the same whoever runs it: take out what looks at the test runner,"
            " its files or its callers."
        ),
        ruling=Ruling.HOLD,
        example='`if "PYTEST_CURRENT_TEST" in os.environ:` in the package',
        wrong=AS_HOLD,
    ),
}
WEAKENING = frozenset(
    {
        "ratchet.skip-condition",
        "ratchet.fewer-assertions",
        "ratchet.fewer-rows",
        "ratchet.looser",
        "ratchet.wider-exception",
        "ratchet.constant-assertion",
        "ratchet.swallowed",
        "ratchet.unit-mocked",
        "ratchet.shadowed",
    }
)
