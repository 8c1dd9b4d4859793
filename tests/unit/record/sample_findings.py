"""Findings for tests, by the keys that their files have."""

from dataclasses import replace

from nightlatch.record.findings.findings import Finding


def with_keys(finding: Finding, **keys: object) -> Finding:
    """Return a finding with other values under some keys of its file."""
    for name in ("origin", "remarks", "grounds"):
        part = getattr(finding, name)
        keys[name] = replace(part, **{key: keys.pop(key) for key in part.__slots__ if key in keys})
    return replace(finding, **keys)  # type: ignore[arg-type]  # by name
