"""The knowledge base: incidents, known errors, articles, changes; suggestions."""
