"""Whether a picture was enlarged by a plain kernel: the beat between old and new grid, at any factor."""
