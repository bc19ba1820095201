"""Painting lesions into whole scans: regions, networks, noise, files."""
