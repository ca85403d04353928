"""results/: read, checked, explained, updated, asked. Knows no engine."""
