"""`/me`: the caller itself."""
