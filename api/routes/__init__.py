"""HTTP routes, a file a noun: parse, call one domain function, wrap."""
