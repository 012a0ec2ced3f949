"""Files -> samples: scans, cameras and labels of data sets on disk and of made-up streets, as batches of voxels."""
