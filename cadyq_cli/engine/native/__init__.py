"""Kernels in C++, for the instruction sets of several processors."""
