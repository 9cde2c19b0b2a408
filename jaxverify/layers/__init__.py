"""Layers the models share: Flax's own definitions, lowered to be fast on the backend at hand."""

from jaxverify.layers.bidirectional import bidirectional
from jaxverify.layers.convolution import Conv, conv
from jaxverify.layers.lstm import LSTM
from jaxverify.layers.max_over_time import ConvMaxOverTime
from jaxverify.layers.pooling import max_pool

__all__ = ["LSTM", "Conv", "ConvMaxOverTime", "bidirectional", "conv", "max_pool"]
