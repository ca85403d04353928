"""Cells run on the machines of a Dask cluster: `client` here, `share` on each of them, in a `process` of its own."""
