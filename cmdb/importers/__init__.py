"""Inventory formats: one file each, a pure function from a file's bytes to records."""
