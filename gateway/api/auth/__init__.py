"""`/auth`: signing in and up, and what it leaves behind."""
