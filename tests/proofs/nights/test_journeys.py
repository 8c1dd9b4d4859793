"""The journeys through the code stay as long as they are: what one has to read to follow a
session does not grow unseen."""

import json
import subprocess
import sys

from tests import ROOT

# A little above docs/performance.md: how often a place of PATH is looked at depends on the machine.
AT_MOST = {"landed": (160, 4700), "rejected": (145, 2900), "report": (42, 350)}


def test_the_three_journeys_are_counted_and_stay_as_short_as_they_are() -> None:
    counting = [sys.executable, "-m", "bench.journeys", "--json"]
    printed = subprocess.run(counting, cwd=ROOT, check=True, capture_output=True).stdout
    found = json.loads(printed)
    assert found.keys() == AT_MOST.keys()
    for name, (files, changes) in AT_MOST.items():
        counts = found[name]
        assert 20 < counts["files"] <= files, (name, counts)
        assert counts["pairs"] < counts["changes"] <= changes, (name, counts)
        assert counts["files"] < counts["functions"] < counts["calls"], (name, counts)
