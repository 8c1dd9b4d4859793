"""Names by which a file is taken for a test: one home, with a pattern for each question.

What the runners of a language collect stands with the language, in languages/*.toml. The patterns
here are asked where no language decides, and they differ because being wrong costs something else
each time.
"""

import re

from nightlatch.util.globs import matcher

# A report counts changed files as tests or as code. A folder of tests is enough, for nothing hangs
# on it but two numbers.
is_reported_test = matcher(
    (
        *("tests/**", "test/**", "**/tests/**", "**/__tests__/**"),
        *("**/test_*.*", "**/*_test.*", "**/*.test.*", "**/*.spec.*"),
    )
)
# What a verify reads beside its tests is held to the base. A file that a runner collects by itself
# is not: it is compared with the base's as a test. So the name alone counts, and each runner's
# custom.
COLLECTED = re.compile(
    r"(?:^|/)(?:test_[^/]*|[^/]*_test|[^/]*[.-](?:test|spec)|[^/]*(?:Test|Tests|Spec|_spec)"
    r"|conftest)\.\w+$"
)
# Changed code beside tests is a helper of theirs unless its name says that it is a test itself;
# helpers take part in the comparison of two suites by faults.
NOT_HELPERS = re.compile(r"(?:^|/)test[^/]*$|[-_.](?:test|spec)s?\.\w+$")
# The parts of a test's name, in which a canary is called by the same custom: what comes before,
# what comes behind, the ending.
SHAPE = re.compile(r"(test[-_.])?.*?([-_.](?:test|spec)s?)?(\.\w+)")
# What to take from a test's name for the name of the code that it is about.
AFFIXES = re.compile(r"^test[-_]|[-_.](?:test|spec)s?$", re.IGNORECASE)
# A file in a language that no grammar reads: the customs of all ecosystems together, and words of
# files that help tests.
ANY_CUSTOM = re.compile(
    r"(?:^|[_.-])(?:tests?|specs?)(?:[_.-]|$)|(?:Tests?|Spec|IT|Cest)\.\w+$|^[Tt]est[_A-Z]"
    r"|\.(?:t|feature|robot|bats)$"
)
HELPS = re.compile(
    r"helper|support|util|fixture|factor(?:y|ies)|conftest|config|setup", re.IGNORECASE
)
# A file that a verify command names proves something if it is a test or a check by its name.
# Generous: who calls a script that proves nothing "check" has named it in a verify command as well.
PROOF = re.compile(r"test|check|verif|spec|accept", re.IGNORECASE)
