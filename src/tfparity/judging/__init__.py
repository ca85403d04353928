"""Arrays and stage replies in, grades and verdicts out. Pure: no file, no process."""
