"""Draw the verdict on a candidate beside its base: evidence, rules, the judge."""
