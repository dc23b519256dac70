"""What the commands share: consoles, options, progress bars, pictures in a terminal."""
