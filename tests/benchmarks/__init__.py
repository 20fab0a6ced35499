"""The platform's speed, each figure beside its baseline: `minsheng bench`."""
