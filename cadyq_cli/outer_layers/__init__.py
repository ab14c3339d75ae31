"""A trained network's first and last layers, in whole numbers without any more training."""
