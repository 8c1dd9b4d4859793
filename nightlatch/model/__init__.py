"""The words of the project as values: features, agent events, verdicts, rules, budgets."""
