"""The compiler to 8-bit integers: turns a Network of convolutions into one that oneDNN's integer kernels compute.

`layers` finds the convolutions, `calibration` has what photos tell about their values, `integers` chooses integers for
weights and values, `rounding` those of depthwise kernels, `kernels` writes them as TensorFlow nodes, and `simulation`
computes the same in float32 operations.

A value x of channel c is stored as an integer q: x = channel_scale[c] * step * (q - zero[c]).

In a network with a decoder, only large pointwise convolutions become integers: `pointwise` finds them and chooses their
integers, `mixed` writes them as TensorFlow nodes, of kernels or of float32 operations. `compiler` has one function for
both kinds of networks.
"""
