"""Training a painter from a configuration, in such a way that it can be stopped and taken up again."""
