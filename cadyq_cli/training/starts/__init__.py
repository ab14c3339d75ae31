"""Weights before and after all steps: from elsewhere, as an EDSR's, or fitted by least squares."""
