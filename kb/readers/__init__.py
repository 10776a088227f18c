"""From a file's bytes to records that are checked, or problems; nothing here knows a database."""
