"""What will prove each feature, asked of the branch as it is before the night."""

import shlex
from collections.abc import Iterator, Sequence
from itertools import islice

from nightlatch.model.models import Feature
from nightlatch.plan.interpretations import few
from nightlatch.preflight.forecast import (
    Diagnostic,
    Level,
    ProofSources,
    bill,
    forecast,
    overhead,
    unproven,
)
from nightlatch.report.status_io import ProjectStatus
from nightlatch.suite import run_io
from nightlatch.suite.results import CheckStatus, VerifyResult
from nightlatch.suite.runner_detection import supersedes
from nightlatch.suite.verify_commands import weakness
from nightlatch.util.globs import matcher
from nightlatch.util.text import plain
from nightlatch.verdict import harness_io, judge_io
from nightlatch.verdict.engine_io import VerdictEngine

AT_ONCE = 25
MOST_SHOWN = 4_000


def foretold(seen: ProjectStatus, engine: VerdictEngine) -> Iterator[Diagnostic]:
    """Feature by feature what will prove it, then what all of it costs, and whether it is worth
    a night."""
    outlook = proof_sources(seen, engine)
    left = [
        feature
        for feature, waiting in seen.survey.left
        if waiting is None or waiting.word == "behind"
    ]
    findings = []
    for feature, said in answers(engine, seen.tip, left):
        findings.append(foretold_of(engine, seen.tip, feature, said, outlook))
        yield findings[-1]
    for feature, waiting in seen.survey.left:
        if waiting and waiting.for_person:
            yield Diagnostic(
                level=Level.WARN,
                topic=plain(feature.id, 60),
                says=waiting.says,
                fix="nightlatch status",
            )
    says, offer = unproven(left)
    # The scripted agent only does what it was told to: it cannot write a verify.
    if says and seen.project.config.agent[0] != "scripted":
        yield Diagnostic(level=Level.OK, topic="prove", says=says, fix=offer)
    if says := bill(findings, engine.state(seen.tip).tests.seconds):
        yield Diagnostic(level=Level.OK, topic="cost", says=says)
    if says := overhead(left, findings, outlook):
        yield Diagnostic(level=Level.WARN, topic="overhead", says=says)


def proof_sources(seen: ProjectStatus, engine: VerdictEngine) -> ProofSources:
    """Return what the branch has to prove things with."""
    evaluator = engine.evaluator
    suite = evaluator.suite(seen.tip, seen.tip)
    agent = judge_io.hired(seen.project, seen.project.config.agent[0])
    return ProofSources(
        tests=suite.runner is not None,
        checks=bool(evaluator.check_files(seen.tip) or evaluator.commands.gates(seen.tip)),
        judge=agent.name if agent else "",
    )


def foretold_of(
    engine: VerdictEngine,
    tip: str,
    feature: Feature,
    said: VerifyResult | None,
    outlook: ProofSources,
) -> Diagnostic:
    """Return what will prove a feature whose verify says this at the tip."""
    is_red = said is not None and said.answer is CheckStatus.RED
    return forecast(
        feature,
        said,
        outlook,
        unwritten=unwritten(engine, tip, feature) if is_red else "",
        wants=engine.lacking(tip, said) if said else "",
        weak=weakness(feature.verify, harness_io.shipped_tools()),
        through=through(engine, tip, feature),
    )


def answers(
    engine: VerdictEngine, base: str, features: Sequence[Feature]
) -> Iterator[tuple[Feature, VerifyResult | None]]:
    """Yield what each verify says at a base, None where there is none.

    Only red is believed of many asked in one checkout: what says anything else is asked again in
    one of its own, as a run does.
    """
    rest = iter(features)
    while some := list(islice(rest, AT_ONCE)):
        red = asked_together(engine, base, [feature for feature in some if feature.verify])
        for feature in some:
            alone = feature.verify and feature.id not in red
            yield feature, engine.verify_at(base, feature) if alone else red.get(feature.id)


def through(engine: VerdictEngine, base: str, feature: Feature) -> str:
    """Return the files of the base that judge a feature and that its agent may not change, a few of
    them; "" for none."""
    tree, free = harness_io.files_of(engine.evaluator, base), matcher(feature.may_change)
    used = [
        path
        for path in harness_io.harness_of(feature.verify, tree)
        if not free(path) and not supersedes(feature.supersedes, path)
    ]
    programs = [path for path in sorted(used) if not engine.evaluator.suite(base, base).files(path)]
    return few([plain(path, 60) for path in programs])


def asked_together(
    engine: VerdictEngine, base: str, features: Sequence[Feature]
) -> dict[str, VerifyResult]:
    """Return what the verify of each feature that is plainly red printed there."""
    if len(features) < 2:
        return {}
    with (
        engine.evaluator.open_room(base, engine.evaluator.clean(base, base)) as room,
        run_io.desk(engine.evaluator.hands, room, {"NIGHTLATCH_BASE": base}) as place,
    ):
        lines = []
        for number, feature in enumerate(features):
            commands = " && ".join(f"sh -c {shlex.quote(command)}" for command in feature.verify)
            out = shlex.quote(f"{place.seen}/out-{number}")
            lines.append(
                f"( export NIGHTLATCH_FEATURE={shlex.quote(feature.id)}; {commands} ) </dev/null"
                f" >{out} 2>&1"
            )
            lines.append(f"echo $? >{shlex.quote(f'{place.seen}/said-{number}')}")
        (place.folder / "ask").write_text(
            "\n".join(lines), encoding="utf-8", errors="surrogateescape"
        )
        engine.evaluator.hands.run(place.room, ["sh", f"{place.seen}/ask"])
        codes = [
            (run_io.bounded(place.folder / f"said-{number}") or b"").strip()
            for number in range(len(features))
        ]
        tails = [
            run_io.text(engine.evaluator.hands.report(place.folder / f"out-{number}") or b"")[
                -MOST_SHOWN:
            ]
            for number in range(len(features))
        ]
    plainly = [code.isdigit() and 0 < int(code) < min(run_io.ABSENT) for code in codes]
    asked = zip(features, plainly, tails, strict=True)
    return {
        feature.id: VerifyResult(answer=CheckStatus.RED, tail=tail)
        for feature, red, tail in asked
        if red
    }


def unwritten(engine: VerdictEngine, base: str, feature: Feature) -> str:
    """Return a test file that the verify runs and nobody has written yet."""
    is_test, known = engine.evaluator.suite(base, base).files, engine.evaluator.files(base)
    words = (
        word.strip("'\"").partition("::")[0].removeprefix("./")
        for command in feature.verify
        for word in command.split()
    )
    return next(
        (
            plain(word, 80)
            for word in words
            if "." in word and is_test(word) and engine.evaluator.repo_path(word) not in known
        ),
        "",
    )
