"""Every reason that a verdict can give: rule id, what it says to people, what
the next session must know."""

from collections.abc import Iterable

from nightlatch.core.models import Reason, Rule, Ruling
from nightlatch.core.ratchet.rules import AS_HOLD, STATIC, WEAKENING

MOST_DETAILS = 100
LAYERS = {
    "selection": ("runner-selection", "runner-hook", "test-startup", "protected-path"),
    "harness": ("harness-changed", "runs-outside"),
    "old": ("superseded-unnamed",),
    "integrity": ("canary", "canary-blind", "tests-rewritten"),
    "expected": ("expected-ignored",),
    "ids": ("test-removed", "test-skipped", "test-unmatched", "fewer-cases"),
    "weaker": ("weaker",),
    "strength": (
        "skip-added",
        "unreadable-test",
        *(rule.removeprefix("ratchet.") for rule in WEAKENING),
    ),
    "claims": ("expectation-changed", "input-gone"),
    "suites": ("suite-lost",),
    "source": ("knows-tests",),
    "dependencies": ("new-dependency", "runner-dependency"),
    "budget": ("not-measured",),
}
# Refused in a run: the tests are put back, and the next session goes on.
MENDED = frozenset({"ratchet.fewer-cases", "ratchet.input-gone", *WEAKENING})
WEAKER = frozenset(
    f"ratchet.{rule}" for layer in ("old", "ids", "weaker", "strength") for rule in LAYERS[layer]
)

RULES = {
    **STATIC,
    "scope.empty": Rule(
        says="the candidate changes nothing",
        next="The last session left no change. Do the work, or ask in blocked.md.",
        example="a session that only talked",
        wrong="A feature that needs no change is `done F`.",
    ),
    "ratchet.test-removed": Rule(
        says="tests that passed at the base are gone: {n}",
        next=(
            "These tests were restored. Keep them; where a feature must change them, a person names"
            " them in its `supersedes`."
        ),
        example=(
            "def test_zero() is deleted, and no test with the same assertions came in its place"
        ),
        wrong="name the tests in the feature's supersedes",
    ),
    "ratchet.test-skipped": Rule(
        says="tests that passed at the base are skipped now: {n}",
        next=(
            "These tests were restored. Make them run and pass without a skip or an expected"
            " failure."
        ),
        example="@pytest.mark.skip(reason='pre-existing') over a test that passed",
        wrong="name the tests in the feature's supersedes",
    ),
    "ratchet.test-unmatched": Rule(
        says="tests that passed at the base are gone, and changed code shows no loss: {n}",
        next="Keep the tests that are there, or keep their assertions in another test.",
        ruling=Ruling.HOLD,
        example="a test is deleted that no mutant of the code needs",
        wrong="approve it, or name the tests in the feature's supersedes",
    ),
    "ratchet.fewer-cases": Rule(
        says="functions that test fewer cases than at the base: {n}",
        next="Keep every parameter case.",
        ruling=Ruling.HOLD,
        example="a row of @pytest.mark.parametrize, or of a table in Go, is deleted",
        wrong="approve it, or name the function in the feature's supersedes",
    ),
    "ratchet.superseded-unnamed": Rule(
        says=(
            "tests were changed together with the behaviour that they test, and the feature does"
            " not name them: {n}"
        ),
        next=(
            "The base's version of these tests fails on the new code. Unless the feature needs it,"
            " make the code pass them as they were."
        ),
        ruling=Ruling.HOLD,
        example="the feature rounds half up now, and test_half expects 3 where it expected 2",
        wrong="approve it; next time name the tests in the feature's supersedes",
    ),
    "ratchet.canary": Rule(
        says="a test that must fail does not fail with this code: {n}",
        next=(
            "Nothing in the code may change how the test runner judges or reports a test, or end"
            " its process."
        ),
        example=(
            "a module that replaces pytest's TestReport when it is imported, or ends the process"
            " with 0"
        ),
        wrong=(
            "a module that changes assertions for a good reason belongs into the base by the"
            " person's own commit"
        ),
    ),
    "ratchet.canary-blind": Rule(
        says=(
            "tests that must fail cannot be told apart at the base already, so nothing is known of"
            " how this code is judged"
        ),
        next="",
        ruling=Ruling.FLAG,
        example=(
            "a runner whose report names no single tests of a file, or whose configuration only"
            " takes files of one name"
        ),
        wrong="make the runner's report name every test: `nightlatch doctor` shows its command",
    ),
    "ratchet.suite-lost": Rule(
        says=(
            "suites of the base that nothing would run any more, though their test files are still"
            " there: {n}"
        ),
        next=(
            "Keep what says that these tests are run: the manifest, the script or the configuration"
            " that the base has."
        ),
        example="web/package.json is deleted, and web/cart.test.ts stays",
        wrong=(
            "name the suite in the feature's supersedes, or [[checks.suite]] in loop.toml with the"
            " command that runs it"
        ),
    ),
    "tests.no-ids": Rule(
        says=(
            "suites that are known by their exit code alone, so that their tests are protected by"
            " what their files say: {n}"
        ),
        next="",
        ruling=Ruling.FLAG,
        example="--tests ./ci.sh, where a reader cannot tell what ci.sh runs",
        wrong="write the runner's own command, or leave JUnit XML in $NIGHTLATCH_REPORTS",
    ),
    "tests.suite-absent": Rule(
        says=(
            "suites that cannot be started here, so that their tests are protected by what their"
            " files say alone: {n}"
        ),
        next="",
        ruling=Ruling.FLAG,
        example="web/ has tests for vitest, and there is no node_modules where the checks run",
        wrong=(
            "make init.sh install what the suite needs, or share its folder under [workspace] in"
            " loop.toml"
        ),
    ),
    "ratchet.tests-rewritten": Rule(
        says="the run itself rewrites tests, golden files or the runner's configuration: {n}",
        next="A test run may only read these files. Write to a temporary folder.",
        example="a conftest.py that saves what the code printed as the golden file",
        wrong="a suite that does so at the base already is let through",
    ),
    "ratchet.expected-ignored": Rule(
        says="tests pass with this code whatever they expect: {n}",
        next=(
            "Results must be what the tests compare them with: no object that equals everything,"
            " nothing read from the tests."
        ),
        example="def __eq__(self, other): return True",
        wrong="approve is not enough: commit the change yourself",
    ),
    "ratchet.weaker": Rule(
        says="changed code that the base's tests notice and the new ones do not: {n}",
        next="Make the tests notice each of these changes of the code again.",
        ruling=Ruling.HOLD,
        example="assert total(x) == 3 became assert total(x)",
        wrong="approve it, or name the tests in the feature's supersedes",
    ),
    "ratchet.not-measured": Rule(
        says="what was not looked at for want of time: {n}",
        next="",
        ruling=Ruling.HOLD,
        example="the suite is so slow that 3 of 20 mutants fit into the time",
        wrong="approve it, or raise limits.check",
    ),
    "ratchet.test-failed": Rule(
        says="tests that passed at the base fail now: {n}",
        next=(
            "The base's own version of these tests fails on the new code. Make the code pass them"
            " as they were."
        ),
        example="`== 2.67` became `== 2.68`, and the code returns 2.68 now",
        wrong="Name the tests that are meant to change in the feature's `supersedes`.",
    ),
    "ratchet.red-base": Rule(
        says="so much is red at the base that little is protected: {n}",
        next="Repair what fails at the base first; what fails there protects nothing.",
        ruling=Ruling.HOLD,
        example=(
            "a suite whose dependencies are not installed, so that every test fails before and"
            " after"
        ),
        wrong=(
            "Make the tests pass at the base where the ratchet runs: install what they need, or"
            " name the command with --tests."
        ),
    ),
    "ratchet.no-tests": Rule(
        says="no tests were found at the base, so nothing but its checks is protected",
        next="",
        ruling=Ruling.FLAG,
        example="a repository whose tests are started by a script that no shipped runner knows",
        wrong="Name the command that runs them: --tests, or [checks] tests in loop.toml.",
    ),
    "tests.failed": Rule(
        says="new or changed tests fail: {n}",
        next="Make these tests pass, or correct them where they are wrong.",
        example="a new test for a case that the code does not handle yet",
        wrong="Correct the test: a new one may be changed freely.",
    ),
    "tests.broken": Rule(
        says="the report of the test run cannot be believed",
        next=(
            "The suite must run to its end: no early exit, no changed exit code, no error outside a"
            " test."
        ),
        example=(
            "`os._exit(0)` in a test, so that the report breaks off; all pass, and yet the exit"
            " code is 1"
        ),
        wrong=(
            "Make the suite run to its end by itself; a suite that cannot be believed at the base"
            " already is let through."
        ),
    ),
    "tests.environment-failed": Rule(
        says="what this candidate depends on cannot be installed",
        next=(
            "Make it succeed in a fresh clone of your work: correct the manifest and the lock file,"
            " or leave the dependency out."
        ),
        example="package.json names a version that does not exist",
        wrong=(
            "Where an index asks for a login, name its variable in `env` or its file in `see` under"
            " [workspace] in loop.toml."
        ),
    ),
    "tests.environment-tampered": Rule(
        says="what was installed before is not what it was, though its version is the same: {n}",
        next=(
            "A dependency, or a script of a manifest, may add packages; it may not change those"
            " that are there."
        ),
        example=(
            "a package's install script writes into the test runner; a build writes a"
            " sitecustomize.py"
        ),
        wrong="Where an upgrade of a package means it, change its version in the manifest.",
    ),
    "tests.environment-changed": Rule(
        says="dependencies changed: {n}",
        next="",
        ruling=Ruling.FLAG,
        example="package.json asks for one package more, and init.sh installed it",
        wrong="It refuses nothing: it names what came in, for you to look at.",
    ),
    "tests.fault": Rule(
        says="the tests could not be run: neither red nor green",
        next=(
            "The test run was cut off or could not start. Look for an endless loop or for something"
            " that the environment lacks."
        ),
        example="an endless loop: the run is cut off after `limits.check`",
        wrong="Raise `limits.check`, or give the environment what it lacks in init.sh.",
    ),
    "tests.flaky": Rule(
        says="tests that are flaky at the base too, left out of this verdict: {n}",
        next="These tests pass and fail by chance, also without your change.",
        ruling=Ruling.FLAG,
        example="a test that needs a free port and does not always get it",
        wrong="It refuses nothing; make the test steady.",
    ),
    "tests.unsteady": Rule(
        says=(
            "tests that pass and fail by chance on the candidate, and were never seen to at the"
            " base: {n}"
        ),
        next="Make these tests, or the code under them, steady.",
        ruling=Ruling.HOLD,
        example="a new cache makes a test pass two times out of three",
        wrong="`approve` it when you know that chance, and not the change, is to blame.",
    ),
    "unwatched.fails": Rule(
        says="what passes only where it can be seen that the loop runs it: {n}",
        next=(
            "The code must behave the same whoever calls it: take out what asks for a framework, a"
            " variable, a path or the history."
        ),
        example=(
            "`search()` that returns results while a module of pytest is loaded, and nothing in a"
            " plain program"
        ),
        wrong=(
            "Make the test call the code so that it also passes as a plain call; or commit the"
            " change yourself."
        ),
    ),
    "unwatched.differs": Rule(
        says=(
            "what does not pass in another folder, with another history or without its test"
            " framework: {n}"
        ),
        next="Let the code and its tests depend on nothing but what they set up themselves.",
        ruling=Ruling.HOLD,
        example=(
            "a new test that calls `git log` in the project, and code that reads the last commit"
        ),
        wrong=AS_HOLD,
    ),
    "check.failed": Rule(
        says="checks that fail: {n}",
        next="Every check must exit 0 on the result. The end of what they printed is quoted.",
        example="`checks/20-typecheck` ends with 1",
        wrong="Correct the check in a commit of your own, or name it in the feature's `mayChange`.",
    ),
    "check.own-configuration": Rule(
        says="checks that pass only with this change's own configuration of their tools: {n}",
        next="Put the configuration back and make the code pass with it.",
        ruling=Ruling.HOLD,
        example=(
            "ruff.toml gets `src = [...]`, and with the base's ruff.toml `checks/20-lint` fails"
        ),
        wrong=AS_HOLD,
    ),
    "check.fault": Rule(
        says="checks that could not be run: {n}",
        next="A check was cut off, or a program it needs is missing: neither red nor green.",
        example="a linter that init.sh does not install",
        wrong="Make init.sh install it.",
    ),
    "check.held-back": Rule(
        says="a held-back check failed",
        next=(
            "A check that only the person knows failed. Its hint is all there is to know: do what"
            " the feature says, in every case of it."
        ),
        example=(
            "the feature asks for all currencies, and a check outside the repository tries one that"
            " no test names"
        ),
        wrong="correct the check: its folder is named in checks.held_back",
    ),
    "judge.not-met": Rule(
        says="the judge does not find a criterion met",
        next=(
            "Do what these criteria say, wholly; the judge sees the change and the checks, and"
            " nothing that is said about them."
        ),
        example='"search ignores accents", and the change folds only lower-case letters',
        wrong=(
            "make the criterion a verify command: a judge is not asked about what a command proves"
        ),
    ),
    "judge.cannot-tell": Rule(
        says="the judge cannot tell whether all criteria are met",
        next="Write a test that shows what the criterion says.",
        ruling=Ruling.FLAG,
        example='"the page looks calm", and no check left a picture',
        wrong="it refuses nothing: the work lands unproved and waits for a person",
    ),
    "judge.no-answer": Rule(
        says="the judge gave no answer that counts",
        next="",
        ruling=Ruling.FLAG,
        example="a usage limit, or two answers that are not the JSON that was asked for",
        wrong="it refuses nothing: the work lands unproved and waits for a person",
    ),
    "verify.red": Rule(
        says="the feature's own verify command still fails",
        next="The verify command decides. The end of what it printed is quoted.",
        example="`pytest tests/test_search.py` still fails after the session",
        wrong="Correct the feature's verify in the plan.",
    ),
    "verify.fault": Rule(
        says="the feature's verify command could not be run: neither red nor green",
        next="The verify command was cut off, or a program it needs is missing.",
        example="verify names a program that the machine lacks",
        wrong="Install it in init.sh, or correct the command.",
    ),
    "verify.already-green": Rule(
        says="the feature's verify command passes before any work",
        next="Already passes: a person says `done`, or gives the feature a check that fails.",
        ruling=Ruling.HOLD,
        example="`verify` is `test -f README.md`",
        wrong="`done F`, or give the feature a command that fails today.",
    ),
    "verify.broken": Rule(
        says="features that passed do not pass any more: {n}",
        next=(
            "The verify of these features was green before this work and is red with it. Make it"
            " green again without changing it."
        ),
        example="the session rewrote calc.py and left out sub(), by which US-001 was proved",
        wrong=(
            "Where a feature is meant to end another one, name that one's id in its `supersedes`."
        ),
    ),
    "verify.unsteady": Rule(
        says="verify commands of other features come out both ways: {n}",
        next="",
        ruling=Ruling.FLAG,
        example="the verify of US-003 waits for a port and fails now and then, also on the branch",
        wrong="It refuses nothing. Make the command steady, or it cannot protect its feature.",
    ),
    "verify.left": Rule(
        says="features whose verify was not run again for want of time: {n}",
        next="",
        ruling=Ruling.FLAG,
        example=(
            "forty features pass, each by a command of a minute; the last ones wait for the end of"
            " the run"
        ),
        wrong=(
            "It refuses nothing: they are proved again before the run says that every feature"
            " passes."
        ),
    ),
    "verify.hollow": Rule(
        says=(
            "what proves the feature passes with every new function emptied, so it only asks"
            " whether they are there"
        ),
        next="The verify, or the new tests, must call what was added and compare what comes of it.",
        ruling=Ruling.FLAG,
        example=(
            "the new test says `assert hasattr(calc, 'sub')`, or imports the module and no more"
        ),
        wrong=(
            'Give the feature a verify that runs what it is to do. With `weak_verify = "unproved"`'
            " under [land] such work waits for you."
        ),
    ),
    "verify.notices-nothing": Rule(
        says="nothing that this feature added would be missed by its verify; tried: {n}",
        next="The verify, or the new tests, must compare what the added code returns or writes.",
        ruling=Ruling.FLAG,
        example=(
            "verify is `grep -q 'def sub' calc.py`; every fault in the body of sub() goes unnoticed"
        ),
        wrong=(
            "A verify of yours that was there before counts all the same; with `weak_verify ="
            ' "unproved"` under [land] it waits for you.'
        ),
    ),
    "verify.only-known-inputs": Rule(
        says="the code gives nothing for any input beside those of its tests: {n}",
        next=(
            "Write the code for every input that the feature speaks of: no table of what the tests"
            " ask."
        ),
        ruling=Ruling.HOLD,
        example=(
            "`{(3, 1): 2}.get((a, b))` for a test that says `sub(3, 1) == 2`, in the code or in a"
            " data file"
        ),
        wrong="Where the feature is a table of a few constants, `approve` it.",
    ),
    "verify.harness-changed": Rule(
        says="the feature's verify is green only with changes to what it runs through: {n}",
        next=(
            "Leave the programs, build files and scripts of the verify as the base has them, and"
            " make the feature itself pass."
        ),
        ruling=Ruling.HOLD,
        example=(
            "verify is `make -s test`, and the session changed the Makefile so that the target"
            " always succeeds"
        ),
        wrong=(
            "Where the feature is meant to change these files, name them in its `supersedes`; or"
            " `approve`."
        ),
    ),
    "ratchet.harness-changed": Rule(
        says="what checks and other features' verify commands run through was changed: {n}",
        next=(
            "Leave the programs, build files and scripts of checks and verify commands as the base"
            " has them."
        ),
        ruling=Ruling.HOLD,
        example=(
            "checks/20-lint runs `make lint`, and the session changed that target in the Makefile"
        ),
        wrong=(
            "Where the feature is meant to change these files, name them in its `supersedes`; or"
            " `approve`."
        ),
    ),
    "ratchet.runs-outside": Rule(
        says="what the person's own commands run outside the sandbox was changed: {n}",
        next=(
            "Leave what the settings `land.after` and `notify.command` run, and what that runs in"
            " turn, as the base has it."
        ),
        ruling=Ruling.HOLD,
        example=(
            "`land.after` is `sh tools/after.sh`, which starts tools/send.py, and the session"
            " changed that"
        ),
        wrong=(
            "Read the lines, for they will run as you, and `approve`; or let the command name a"
            " program outside the repository."
        ),
    ),
}


def reason(rule: str, detail: Iterable[str] = (), ruling: Ruling | None = None) -> Reason:
    """The reason of one rule, with what it is about, and perhaps another ruling than usual."""
    known, lines = RULES[rule], tuple(detail)
    more = (f"and {len(lines) - MOST_DETAILS} more",) if len(lines) > MOST_DETAILS else ()
    says = known.says.format(n=len(lines))
    return Reason(
        rule=rule,
        says=says,
        ruling=ruling or known.ruling,
        detail=lines[:MOST_DETAILS] + more,
        next=known.next,
    )


def layer_of(rule: str) -> str:
    """The layer that a rule belongs to, which a test may leave out: that of LAYERS, else the
    part before the dot."""
    family, _, name = rule.partition(".")
    return next(
        (layer for layer, rules in LAYERS.items() if family == "ratchet" and name in rules), family
    )
