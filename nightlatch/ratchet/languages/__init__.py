"""Read the tests of a file, by the grammar of its language."""
