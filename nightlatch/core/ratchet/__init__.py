"""The ratchet's rules that need no run: what the texts of a change say about its tests, by path
and by test."""
