"""A recurrent layer."""

import flax.linen as nn


class LSTM(nn.Module):
    features: int
    reverse: bool = False

    @nn.compact
    def __call__(self, x):
        return nn.RNN(nn.OptimizedLSTMCell(self.features, name="cell"), reverse=self.reverse, keep_order=True)(x)
