"""Tests of the room locate."""
