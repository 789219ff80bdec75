"""Compiling, fitting, evaluating, predicting."""
