"""Reference pictures: small pictures of what an instruction names, found in a library or drawn as described."""
