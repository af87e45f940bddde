"""What is held against the guards: each rule, the facts that they decide on, and whole sequences of calls."""
