"""What moved between the committed evidence and a run."""
