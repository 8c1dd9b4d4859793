"""The page docs/suites.md, of which the table of runners is made from their data files."""

from collections.abc import Iterable, Iterator

from nightlatch.suite.runner_detection import Runner

BEGINNING = """\
# Suites

A repository has suites: each a runner in a folder. All of them protect it, and all of them run: the pytest suite at the top, the
vitest one in `web/`, the Go module in `svc/`. `nightlatch init` and `nightlatch doctor` name them, and say how far each is
protected:

- **by id, with mutation**: each test by its name, by the loop's own runner or its own report; where tests change, the base's and
  the new ones are held against small faults in the code; tests that must fail are put beside yours.
- **by id**: each test by its name.
- **by declaration**: only an exit code is known of the run; what the test files declare is protected by what they say
  ([languages](languages.md)).

Ids are the project's: `web/src/cart.test.ts::adds up`, `svc/ring::TestLeft`, `crates/till/src/lib.rs::tests::adds`. A suite of
the base that is gone, or that nothing would run any more, is refused. Suites of one verdict run side by side, each in a checkout
and a sandbox of its own; what a suite came to on a tree is kept, so that another one that joins costs only its own run.

## How they are found

Every folder with a manifest, a build file or a runner's configuration is looked at, and has at most one runner of each language.
A folder below another one of the same language is a suite of its own where nothing above runs it: a Go module always; a Python or
JavaScript package where it has a configuration of its runner, and the one above then leaves it out; a module of Maven, a project
of Gradle, a crate of a Cargo workspace never, for the build at the top goes into it. Folders named like fixtures, examples,
templates or third-party code are nobody's suite, and a project that lies among the tests of another is their data. `doctor` names
the test files that nothing runs.

A suite whose program is not there where the checks run is said, and does not stop the others; its tests are then protected by
declaration.

"""
MIDDLE = """
A runner that is not in the list, or one that another command starts, is named:

```toml
[[checks.suite]]
folder = "web"
command = "make check"        # read down to its runner where it can be
report = "build/junit/*.xml"  # or JUnit XML that it leaves
```

One with a `folder` and no `command` takes the suite of that folder out. `[checks] tests` is the short form for a single one.

## Saying how the tests are run

A command is read, and saying it never makes the ratchet see less. Its wrappers (`uv run`, `poetry run`, `pdm run`, `pipenv run`,
`hatch run`, `bundle exec` and their like are kept; `npx`, `pnpm exec`, `coverage run`, `timeout` are looked through) and its
scripts (`npm test`, `yarn`, `pnpm`, `bun run`, `make`, `just`, `tox`, `nox`, `composer`, a shell script of the project, all as
the base has them) lead to the runner. What decides which tests run and how is kept, such as paths, `-k`, `-m`, `--config`; what
only shows results, or stops early, is left out. Programs that the command starts before the runner are started before it; one
that follows it, such as `mypy .`, is a suite by its exit code.

What only a shell can tell is left to it: loops, conditions, variables. Then there is an exit code alone, `doctor` and
`ratchet` say why, and one of these helps: write the runner's own command, or let it leave JUnit XML, TAP or TRX in the folder
`$NIGHTLATCH_REPORTS`.

## The first evening

None of this costs an agent.

| you have | what works now | the next step |
|---|---|---|
| no suite | features with a verify, or with a test that their agent brings | write a test: its runner is found by itself |
| a red one | `run --accept-red` protects what passes | what `doctor` says is missing: a module, a package, a program |
| one of 40 minutes | all of it, where `limits.check` is longer | raise `limits.check`, or name a quicker suite under `[[checks.suite]]` |
| a flaky one | what fails runs again before anything is refused | make pass every time, or skip, what `doctor` names |
| one that needs a database | the tests that do not need it | start it in the suite's own command, or open it: `checks.reach` |
| one that needs a browser | the tests that do not need it | `workspace.see` for its cache, or a command without those tests |
"""
LEVELS = {True: "by id, with mutation", False: "by id"}


def page(runners: Iterable[Runner]) -> str:
    return (
        BEGINNING
        + "\n".join(
            ("| runner | language | by hand | protected |", "|---|---|---|---|", *rows(runners))
        )
        + "\n"
        + MIDDLE
    )


def rows(runners: Iterable[Runner]) -> Iterator[str]:
    for runner in runners:
        yield (
            f"| {runner.name} | {runner.language} | `{runner.by_hand}` |"
            f" {LEVELS[runner.canary is not None]} |"
        )
