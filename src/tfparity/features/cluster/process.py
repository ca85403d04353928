"""Run as a program by share.run; a module of its own, so that what it pickles is importable by name."""

from tfparity.features.cluster import share

if __name__ == "__main__":
    share.process()
