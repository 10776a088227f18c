"""Inventories read from the systems that keep them, over HTTP, instead of from files."""
