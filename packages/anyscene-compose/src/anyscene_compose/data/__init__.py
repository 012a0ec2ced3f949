"""Scenes with foregrounds: where they lie, and how samples are made of them."""
