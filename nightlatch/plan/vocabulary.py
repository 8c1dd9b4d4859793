"""What the plan files of other tools call things: words for lists, fields, states and ranks."""

import re
from collections.abc import Mapping

LISTS = (
    *(
        "userStories",
        "stories",
        "features",
        "tasks",
        "items",
        "requirements",
        "issues",
        "todos",
        "todo",
        "backlog",
        "workItems",
        "tickets",
    ),
    *("subtasks", "checklist"),
)


PARTS = ("phases", "epics", "milestones", "sprints", "iterations")


BRANCHES = ("branchName", "branch")


GATES = (
    "verifyCommand",
    "verifyCommands",
    "verify",
    "qualityGates",
    "qualityCheck",
    "mustPassBeforeComplete",
    "typecheckCommand",
)


NESTED_GATES = ("rules", "testConfiguration", "global")


INNER_TEXT = ("text", "description", "criterion", "title", "step")


TOLD = (
    "verifyCommand",
    "verifyCommands",
    "verificationCommand",
    "testCommand",
    "testSteps",
    "testCases",
    "suggestedTests",
)


NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "key", "number", "taskId", "identifier", "iid"),
    "title": (
        "title",
        "name",
        "task",
        "summary",
        "subject",
        "headline",
        "goal",
        "story",
        "text",
        "content",
    ),
    "description": ("description", "details", "body"),
    "criteria": (
        "acceptanceCriteria",
        "acceptance",
        "criteria",
        "stepsToVerify",
        "verificationSteps",
    ),
    "steps": ("steps",),
    "priority": ("priority",),
    "depends": (
        "dependsOn",
        "dependencies",
        "blockedBy",
        "deps",
        "depends",
        "dependsOnIds",
        "prerequisites",
        "predecessors",
    ),
    "verify": ("verify",),
    "supersedes": ("supersedes",),
    "may_change": ("mayChange",),
    "phases": ("phases",),
    "skip": (
        "skip",
        "skipped",
        "deprecated",
        "deferred",
        "deferredReason",
        "cancelled",
        "canceled",
        "obsolete",
    ),
    "hold": ("hold",),
    "answer": ("answer",),
    "notes": ("notes",),
    "agent": ("agent",),
    "model": ("model",),
    "flag": ("passes", "passed", "tested", "complete", "completed", "done"),
    "status": ("status", "state"),
    "command": (
        "verification",
        "validation",
        "tests",
        "test",
        "check",
        "checks",
        "command",
        "cmd",
        "layers",
        *TOLD,
    ),
}


DONE = (
    *(
        "done",
        "completed",
        "complete",
        "passing",
        "passed",
        "pass",
        "finished",
        "verified",
        "closed",
        "merged",
        "shipped",
        "implemented",
    ),
    *(
        "resolved",
        "released",
        "deployed",
        "met",
        "已完成",
        "完成",
        "完了",
        "済",
        "완료",
        "erledigt",
        "fertig",
        "terminé",
        "fait",
        "hecho",
    ),
    *(
        "terminado",
        "completado",
        "concluído",
        "feito",
        "fatto",
        "completato",
        "готово",
        "выполнено",
        "gotowe",
        "zrobione",
        "klaar",
    ),
)


TICKS = "✅☑✔"


FRESH = (
    "pending",
    "open",
    "todo",
    "notstarted",
    "failing",
    "backlog",
    "planned",
    "ready",
    "new",
    "unmet",
    "readyfordev",
    "待办",
    "未着手",
)


OPEN = frozenset(
    (
        *FRESH,
        "",
        "fail",
        "failed",
        "inprogress",
        "started",
        "active",
        "wip",
        "review",
        "doing",
        "blocked",
        "drafted",
    )
)


SKIPPED = frozenset(
    (
        "deferred",
        "skipped",
        "skip",
        "cancelled",
        "canceled",
        "deprecated",
        "obsolete",
        "wontfix",
        "archived",
    )
)


INNER_STATUS = ("state", "status", "value", "name")


INNER_ID = ("id", "taskId", "dependsOnId", "ref", "key", "number")


NOTHING = frozenset(("", "none", "na", "nil", "null", "nothing", "no"))


# the kinds of a link that make one feature wait for another
LINKS = frozenset(("", "blocks", "blockedby", "dependson", "requires"))


# The words that the tools write which such fields come from.
TOOLS = (
    (frozenset(("implementationguide", "verificationcriteria")), "completed", "pending"),
    (frozenset(("teststrategy",)), "done", "pending"),
    (frozenset(("issuetype",)), "closed", "open"),
    (frozenset(("dependsonid",)), "closed", "open"),
    (frozenset(("number", "body", "state")), "CLOSED", "OPEN"),
)


OPPOSITES = {"failing": "passing", "unmet": "met", "待办": "已完成", "未着手": "完了"}


LONGEST_PHASE = 60


RANKS = (
    ("critical", "urgent", "blocker", "highest", "must", "p0"),
    ("high", "major", "should", "p1"),
    ("medium", "normal", "moderate", "could", "p2"),
    ("low", "minor", "p3"),
    ("lowest", "trivial", "p4"),
)


PRIORITIES = {word: float(rank) for rank, words in enumerate(RANKS) for word in words}


SPENT = (
    *(
        "id",
        "criteria",
        "steps",
        "priority",
        "depends",
        "verify",
        "supersedes",
        "may_change",
        "phases",
        "skip",
        "hold",
        "answer",
        "flag",
    ),
    *("agent", "model"),
)


KEPT_BY_TOOLS = frozenset(
    (
        "createdat",
        "updatedat",
        "completedat",
        "startedat",
        "closedat",
        "attempts",
        "retrycount",
        "beadsid",
    )
)


WORDS = re.compile(r"[^\W_]+")


FLAGS = frozenset(name.lower() for name in NAMES["flag"])
