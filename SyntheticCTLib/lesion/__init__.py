"""Lesions: their masks and shapes, where they go in an organ, and the networks that paint them into a scan."""
