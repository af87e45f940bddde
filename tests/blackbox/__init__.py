"""The gateway from outside: a process, sockets, what arrives at the Cognito behind it. One suite for every runtime."""
