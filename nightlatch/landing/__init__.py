"""Move the branch: landings, held candidates, and the person's decisions."""
