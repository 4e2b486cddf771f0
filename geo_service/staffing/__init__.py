"""Pure: who is on duty, and how many per what."""
