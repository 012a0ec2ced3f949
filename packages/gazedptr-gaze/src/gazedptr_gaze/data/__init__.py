"""Files and camera images -> what the networks take: conventions, geometry, zones, data sets."""
