"""The kinds of requests that a worker answers, one module each."""
