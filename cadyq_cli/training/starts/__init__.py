"""Networks that start as more than random weights: as an EDSR, or with their last layers fitted."""
