"""The generator of the demo county."""
