"""Networks as ncnn stores them: a graph as text (``.param``) beside its numbers (``.bin``)."""
