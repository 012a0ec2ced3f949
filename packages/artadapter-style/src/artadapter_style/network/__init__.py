"""The network: style encoder, style tokens in the prompt, explicit adaptation; one file for each idea."""
