"""Makes a network in whole numbers of a trained one, from pictures, without training."""
