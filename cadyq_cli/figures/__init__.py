"""What every figure is drawn with: lettering, colours, a canvas, axes, and a layout."""
