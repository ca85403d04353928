"""Turns planned cells into records: workers, bundles, the store. Knows no evidence."""
