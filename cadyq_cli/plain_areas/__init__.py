"""Plain areas, where interpolation gives what a network would, and the network is not run."""
