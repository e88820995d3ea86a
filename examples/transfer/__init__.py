"""Transfer: a trained network as a feature extractor, fine-tuning, a map of the features."""
