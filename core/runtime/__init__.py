"""Running a network: one TensorFlow session, the canvas around the network, and the bounded queue in front."""
