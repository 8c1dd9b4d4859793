"""Find secrets in texts and streams, and hide them before anything is kept."""
