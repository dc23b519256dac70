"""What both ACE models share: condition units, packing and layers."""
