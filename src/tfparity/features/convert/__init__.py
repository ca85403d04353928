"""One model converted, checked and written into a folder."""
