"""The paper's protocols, and the metrics that only they need."""
