"""What a candidate may reach: pure rules over its changes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One path that differs between two trees. `status` is A, M, D or T (its type changed); the missing side has mode and oid ""."""

    path: str
    status: str
    old_mode: str = ""
    new_mode: str = ""
    old_oid: str = ""
    new_oid: str = ""
