"""Retrieval of any text document: embedder, vector index, lexical index, fusion.

Knows no incident and no CI; `kb` says what is a document and what an answer is worth.
"""
