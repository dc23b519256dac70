"""Pages and sheets for people to look at: HTML exports and contact sheets."""
