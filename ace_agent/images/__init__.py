"""Images on disk and in memory: reading and writing files, and the operators that everyone shares."""
