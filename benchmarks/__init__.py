"""Speed of training, side by side."""
