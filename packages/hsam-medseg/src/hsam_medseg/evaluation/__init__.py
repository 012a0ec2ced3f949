"""The paper's protocols and what only they measure."""
