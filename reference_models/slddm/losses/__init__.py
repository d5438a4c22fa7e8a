"""The losses of SLDDM-TPG: plain functions of tensors, unweighted."""
