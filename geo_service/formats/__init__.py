"""Files in and out: readers that list every fault, writers that round-trip. Meets no database and no web."""
