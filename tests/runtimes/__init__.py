"""Tests of what the runtimes hand to the core."""
