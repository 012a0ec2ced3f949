"""Backbones: published networks that several methods build on, each behind an extra."""
