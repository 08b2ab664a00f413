"""The graph compiler: a frozen DeepLab graph becomes a faster network for any image size.

`load` reads and checks the graph, `editor` edits it, `passes` rewrite it, `optimize` runs the passes and cuts out the
network, and `network` connects the network to other tensors.
"""
