"""Read plan files of every dialect as one plan, and change single values in place."""
