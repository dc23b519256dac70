"""ace-mini, the small model in the package."""
