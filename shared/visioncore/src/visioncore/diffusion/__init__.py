"""The common ground of methods that stand on Stable Diffusion, beside diffusers: base models and attention layers."""
