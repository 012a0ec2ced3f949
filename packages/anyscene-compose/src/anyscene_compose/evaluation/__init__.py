"""Growth, fidelity, second copies, harmony and scenes: cut-outs x prompts x seeds, beside three baselines."""
