"""Analysis by synthesis: what each source would make of a picture's own small version, and how well that agrees."""
