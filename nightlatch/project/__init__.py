"""Where everything of a repository stands: settings, plan, record, the program's own files."""
