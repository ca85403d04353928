"""Code that runs inside an environment under test.

Standard library only, Python 3.7 to 3.13; frameworks are imported lazily. Nothing here imports
anything of tfparity outside this folder.
"""
