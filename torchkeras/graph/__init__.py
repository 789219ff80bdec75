"""Symbols, the operations between them, and the graphs they make."""
