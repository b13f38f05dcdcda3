"""Singer or album? What a run's score owes to the voice and what to everything else on an album."""
