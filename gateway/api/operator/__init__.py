"""What the gateway says of itself: to operators, and of the policy."""
