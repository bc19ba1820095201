"""Where lesions go and what they look like from outside: shapes, organs, placement."""
