"""The restart note of a feature, and whether it is enough to go on from."""
