"""Which decisions of the person make sense about a feature as it stands."""

from nightlatch.model.models import Feature, Outcome
from nightlatch.record.history import FeatureHistory

LOOK = "see what waits for you: nightlatch status"


def objection(verb: str, feature: Feature, past: FeatureHistory) -> tuple[str, str]:
    """Return why a decision makes no sense now, as the rest of a sentence, and the fix; ("", "")
    where it does. Saying it twice always does."""
    unproved = past.waiting is Outcome.UNPROVED
    if past.decided == verb:
        return "", ""
    if feature.done and verb not in ("approve", "done", "revert"):
        return "passes already", f"nightlatch revert {feature.id}"
    match verb:
        case "answer" if past.waiting is not Outcome.BLOCKED:
            return "has asked nothing", LOOK
        case "approve" | "refuse" if not (feature.done or unproved or past.held):
            return "has no held or unproved work", LOOK
        case "revert" if not past.landed:
            return "has no landing on this branch", "set its done-flag to false in the plan"
        case "retry" if feature.hold or feature.skip:
            return "is held or skipped by the plan itself", "take that out of the plan"
        case "retry" if past.last is None and not past.decided:
            return "has not been tried yet: it runs when its turn comes", LOOK
    return "", ""


def needless(verb: str, feature: Feature, past: FeatureHistory, text: str = "") -> bool:
    """Return whether a decision has nothing left to change: it is done already, or it is the last
    one in the same words, and no session since."""
    is_same_again = (past.decided, past.said) == (verb, text)
    # A second approval may be about work that was held anew since the first one.
    if is_same_again and not feature.done and verb not in ("approve", "done"):
        return True
    given = {
        "approve": feature.done,
        "done": feature.done,
        "skip": feature.skip or past.skipped,
        "hold": feature.hold,
    }
    return given.get(verb, False)


def settles(feature: Feature, past: FeatureHistory) -> bool:
    """Is there work of a feature that an approval is about?

    Without any, it is the person's word that it is done.
    """
    return (
        feature.done
        or past.decided == "approve"
        or past.waiting is Outcome.UNPROVED
        or bool(past.held)
    )
