"""Pure: the lattice, coordinate systems, tilings, measures."""
