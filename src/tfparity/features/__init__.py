"""What a person asks for beyond a run: gate, convert, latency, bundles. Each stands apart from the others."""
