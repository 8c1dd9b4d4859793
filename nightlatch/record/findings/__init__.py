"""Claims with a state and evidence: what they are, how they go stale, which are told."""
