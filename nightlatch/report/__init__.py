"""The morning: build it once, and show it as text, Markdown, JSON or a page."""
