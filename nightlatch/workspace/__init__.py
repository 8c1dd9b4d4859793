"""Disposable checkouts: made ready ahead, handed to an agent, read back as a candidate."""
