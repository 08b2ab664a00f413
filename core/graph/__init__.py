"""The graph compiler: turns a frozen DeepLab GraphDef into a faster network for any image size.

`load` reads and checks the graph, `editor` edits it, `passes` rewrite it, `optimize` runs the passes and extracts the
network, and `network` connects the network to tensors of another graph.
"""
