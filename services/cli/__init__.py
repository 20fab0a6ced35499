"""The commands of `minsheng`, one module each."""
