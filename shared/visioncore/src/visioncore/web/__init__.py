"""``visioncore app``: a page in the browser for every installed method."""
