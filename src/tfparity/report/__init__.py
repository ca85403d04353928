"""What a person reads: the terminal's table and progress, the tables of README and docs, the job summary."""
