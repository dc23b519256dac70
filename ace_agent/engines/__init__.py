"""The models that make pictures, behind one interface."""
