"""The compiler to 8-bit integers: turns a Network of convolutions into one that oneDNN's integer kernels compute.

`layers` finds the convolutions, `calibration` has what photos tell about their values, `integers` chooses integers for
weights and values, `rounding` those of depthwise kernels, `kernels` writes them as TensorFlow nodes, and `simulation`
computes the same in float32 operations.

A value x of channel c is stored as an integer q: x = channel_scale[c] * step * (q - zero[c]).
"""
