"""Small networks with the parts that the integer compiler knows: activations, trunks, image pooling, and a decoder."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from core.graph.editor import GraphEditor
from core.graph.network import Network
from core.tensorflow import tf

SIDE = 33
CHANNELS, CLASSES = 8, 5
RANDOM = np.random.default_rng(18)
BEGINNING = RANDOM.bit_generator.state


def kernel(*shape: int) -> Any:
    """Return a random kernel, float32, whose convolution neither grows nor shrinks values."""
    return (RANDOM.normal(size=shape) / np.sqrt(np.prod(shape[:3]))).astype(np.float32)


def biased(x: Any, channels: int) -> Any:
    """Add a random bias of `channels` channels."""
    return tf.nn.bias_add(x, RANDOM.normal(size=channels).astype(np.float32) / 4)


def depthwise(x: Any, stride: int = 1, dilation: int = 1) -> Any:
    """Add a depthwise 3 x 3 convolution with bias and Relu6 to the result of the layers before."""
    weights = kernel(3, 3, 1, CHANNELS).reshape(3, 3, CHANNELS, 1)
    convolution = tf.raw_ops.DepthwiseConv2dNative(
        input=x, filter=weights, strides=[1, stride, stride, 1], padding="SAME", dilations=[1, dilation, dilation, 1]
    )
    return tf.nn.relu6(biased(convolution, CHANNELS))


def pointwise(x: Any, channels: int) -> Any:
    """Add a 1 x 1 convolution to `channels` channels with a random kernel and bias."""
    return biased(tf.nn.conv2d(x, kernel(1, 1, x.shape[-1], channels), 1, "SAME"), channels)


def with_image_bias(x: Any, pooled: Any) -> Any:
    """Add a 1 x 1 convolution whose bias is computed from the `pooled` features, and a Relu."""
    image_bias = tf.reshape(pointwise(pooled, CHANNELS), [-1])
    weights = kernel(1, 1, CHANNELS, CHANNELS)
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, weights, 1, "SAME"), image_bias))


def described(graph: tf.Graph) -> Network:
    """Return the network in `graph`, whose last node has its logits, without skip inputs."""
    logits = graph.get_operations()[-1].name
    return Network(
        GraphEditor(graph.as_graph_def()).graph_def([logits]),
        canvas="canvas",
        features="features",
        skip_inputs=(),
        pooled="pooled",
        logits=logits,
        scale=2 / 255,
        offset=-1.0,
        padding=0.0,
        side=SIDE,
        pointwise_head=True,
    )


def small_network(trunk: Callable[[Any], Any] = lambda x: x) -> Network:
    """Return a network of output stride 8 for a canvas of SIDE pixels, with the layers of a small MobileNetV2.

    `trunk` adds layers between the first residual sum and the features. The weights are the same at each call.
    """
    RANDOM.bit_generator.state = BEGINNING
    with tf.Graph().as_default() as graph:
        canvas = tf.compat.v1.placeholder(tf.float32, [1, None, None, 3], name="canvas")
        pooled = tf.compat.v1.placeholder(tf.float32, [1, 1, 1, CHANNELS], name="pooled")
        x = tf.nn.relu6(biased(tf.nn.conv2d(canvas, kernel(3, 3, 3, CHANNELS), 2, "SAME"), CHANNELS))
        x = depthwise(depthwise(x, stride=2), stride=2)
        first = pointwise(x, CHANNELS)
        x = depthwise(tf.nn.relu6(pointwise(first, CHANNELS)), dilation=2)
        x = trunk(tf.add(first, pointwise(x, CHANNELS)))
        features = tf.nn.relu(pointwise(x, CHANNELS), name="features")
        x = with_image_bias(features, pooled)
        pointwise(x, CLASSES)
    return described(graph)


def separable(x: Any) -> Any:
    """Add a depthwise 3 x 3 convolution without bias, and a 1 x 1 convolution with one to the same channels."""
    weights = kernel(3, 3, 1, CHANNELS).reshape(3, 3, CHANNELS, 1)
    convolution = tf.raw_ops.DepthwiseConv2dNative(input=x, filter=weights, strides=[1, 1, 1, 1], padding="SAME")
    return pointwise(convolution, CHANNELS)


def small_decoder_network() -> Network:
    """Return a network like small_network() with the layers of a small Xception and a decoder."""
    RANDOM.bit_generator.state = BEGINNING
    with tf.Graph().as_default() as graph:
        canvas = tf.compat.v1.placeholder(tf.float32, [1, None, None, 3], name="canvas")
        pooled = tf.compat.v1.placeholder(tf.float32, [1, 1, 1, CHANNELS], name="pooled")
        x = tf.nn.relu(biased(tf.nn.conv2d(canvas, kernel(3, 3, 3, CHANNELS), 2, "SAME"), CHANNELS))
        skip = tf.nn.relu(biased(tf.nn.conv2d(x, kernel(3, 3, CHANNELS, CHANNELS), 2, "SAME"), CHANNELS), name="skip")
        trunk = biased(tf.nn.conv2d(x, kernel(3, 3, CHANNELS, CHANNELS), 4, "SAME"), CHANNELS)
        trunk = tf.add(separable(tf.nn.relu(separable(tf.maximum(trunk, 0.0)))), trunk)
        x = tf.nn.relu(biased(depthwise(trunk), CHANNELS))
        features = tf.nn.relu(pointwise(x, CHANNELS), name="features")
        x = tf.nn.relu(pointwise(features, CHANNELS))
        x = with_image_bias(x, pooled)
        x = tf.compat.v1.image.resize_bilinear(x, tf.shape(skip)[1:3], align_corners=True)
        pointwise(tf.concat([x, skip], axis=-1), CLASSES)
    return replace(described(graph), skip_inputs=("skip",), logits_stride=4)
