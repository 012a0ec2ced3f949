"""The network: spatial and semantic route of the foreground, layout, anchoring; one file for each idea."""
