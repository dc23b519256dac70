"""Other models: any pipeline of the diffusers library, from a folder on this disk."""
