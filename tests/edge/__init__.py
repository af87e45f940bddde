"""The Worker from outside, on real workerd: what only the platform can show."""
