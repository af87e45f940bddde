"""`/admin`: the pool's users and groups."""
