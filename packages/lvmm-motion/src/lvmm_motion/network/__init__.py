"""The network as the paper draws it: one file for each idea, the reference path, the fast path, the published names."""
