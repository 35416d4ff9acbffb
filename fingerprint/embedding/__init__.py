"""A learned embedding of pictures, beside the classical features: network, batches, training."""
