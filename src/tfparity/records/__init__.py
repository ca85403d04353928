"""What every part speaks of: stages, verdicts, cells, keys, fingerprints. Imports nothing of ours but errors."""
