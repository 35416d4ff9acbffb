"""Hyper-parameters as real numbers with intervals: true values, training pictures, regression, conformal intervals."""
