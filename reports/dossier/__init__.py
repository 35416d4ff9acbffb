"""What the analyst hands over: one typed report, rendered as HTML and as PDF/A."""
