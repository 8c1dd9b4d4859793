"""Start commands, watch them, and end all that came of them."""
