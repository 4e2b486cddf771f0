"""Pure: from a point to its cell."""
