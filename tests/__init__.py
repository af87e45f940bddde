"""The tests mirror the rooms; `blackbox` and `e2e` judge from outside."""
