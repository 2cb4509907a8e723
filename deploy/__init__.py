"""The contract between training and the device: bundle, preprocessing, backends, errors."""
