"""Compiles a network to integers: all of it, or of a network with a decoder the large pointwise convolutions."""

from core.graph.network import Network
from core.graph.quantize.calibration import Calibration
from core.graph.quantize.integers import choose_integers
from core.graph.quantize.kernels import integer_network
from core.graph.quantize.layers import find_layers
from core.graph.quantize.mixed import mixed_network
from core.graph.quantize.pointwise import choose_pointwise, find_pointwise
from core.graph.quantize.simulation import simulated_network


def is_mixed(network: Network) -> bool:
    """Return whether layers of `network` stay float32: whether it has a decoder, as those of Xception have."""
    return bool(network.skip_inputs)


def quantize(network: Network, calibration: Calibration, *, saturates: bool, simulated: bool = False) -> Network:
    """Return `network` in integers, computed by integer kernels, or `simulated` by float32 operations.

    `saturates` tells whether the CPU's sums of two products do. Raises NotQuantizable if the network has a structure
    that the kernels do not compute, or if `calibration` does not fit its layers.
    """
    if is_mixed(network):
        chosen = choose_pointwise(find_pointwise(network), calibration, saturates=saturates)
        return mixed_network(network, chosen, simulated=simulated)
    integers = choose_integers(network, find_layers(network), calibration, saturates=saturates)
    return simulated_network(network, integers) if simulated else integer_network(network, integers)
