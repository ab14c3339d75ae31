"""What pictures go through before people enlarge them: blur, other kernels, noise, compression."""
