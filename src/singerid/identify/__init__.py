"""Who sings in a file: results, and how they are shown and written."""
