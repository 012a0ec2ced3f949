"""A photo in, the same bright out."""
