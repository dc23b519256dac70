"""Who makes a picture: one interface, and the models behind it."""
