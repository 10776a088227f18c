"""How the world reaches us: HTTP routes and the command line. No rules of the domain."""
