"""Pure: the road graph and travel time."""
