"""Find the test suites of a repository, run them, and read what they report."""
