"""Where the gateway runs: everything that touches a clock, a socket, a file or the environment."""
