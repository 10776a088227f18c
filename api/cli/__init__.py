"""The command line: each command asks the HTTP API, in this process or at a server, and prints."""
