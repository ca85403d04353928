"""Environments under test: interpreters, hash-locked files, installs by lock digest.

The one place that resolves and installs, through uv; everything that needs an environment calls `install.ensure`.
"""
