"""Layers that make raw data (strings, categories, audio) into tensors of numbers."""
