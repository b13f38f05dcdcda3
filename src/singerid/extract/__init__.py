"""From audio files to features on disk."""
