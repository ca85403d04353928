"""What changes on the way from one toolchain to another: by cell, grouped by the reason, with what gets across."""
