"""What commands share: consoles, options, progress, pictures in a terminal."""
