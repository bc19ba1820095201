"""What is trained on: crops and scans with lesion layers, in the layouts they come in, split by patient."""
