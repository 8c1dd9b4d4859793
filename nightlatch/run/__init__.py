"""What one run shares: its context, its console, its notes and phases."""
