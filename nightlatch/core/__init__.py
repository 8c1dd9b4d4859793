"""The decisions: pure functions over plain values."""
