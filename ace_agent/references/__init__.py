"""Reference pictures of what an instruction names, from a library or drawn to its description."""
