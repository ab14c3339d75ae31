"""How large a program and its numbers may be, whoever wrote them."""

from __future__ import annotations

MOST_INSTRUCTIONS = 2048
MOST_SOURCES = 256  # of an instruction
MOST_CHANNELS = 4096  # of a value
MOST_NUMBERS = 3 << 24  # of all weights that a program names, with the zeros between groups
LARGEST_FACTOR = 8  # of one enlargement
LARGEST_SCALE = 16  # of a value, in comparison with the patch
LARGEST_DECONVOLUTION = 63  # taps a side of a transposed kernel
WIDTHS = range(2, 10)  # bits of codes
BOUNDS = 1e-12, 1e12  # of what a grid can represent
PATCH = 256  # px a side of the largest patch that memory must suffice for
MEMORY = 1792 << 20  # bytes for the weights and for two such patches, each in its thread
BYTES_OF_A_WEIGHT = 16  # as the float kernels pack a 3x3 convolution; codes take half
WORK = 1 << 27  # products for each pixel of a patch
WRITTEN = 1 << 17  # numbers for each pixel of a patch, of all values together
