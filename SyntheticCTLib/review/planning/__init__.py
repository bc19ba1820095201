"""Making a study: which scans, on which grid, under which names, and whether anything beside the picture tells them
apart."""
