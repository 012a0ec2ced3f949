"""Text and style alignment, content leak and distances of styles, by a protocol of prompts x styles x seeds."""
