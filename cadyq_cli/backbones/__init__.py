"""Topologies of super-resolution networks; `quant.layers` decides in which precision they run."""
