"""How many right answers on the extra task prove that a model has converged?

Under the null hypothesis "not converged" a model knows each of the N extra samples with
probability epsilon and guesses the rest, so that its right answers are X ~ Binomial(N, p) with
p = epsilon + (1-epsilon)/C (eqs. 3 to 5 of the paper). Thresholds, p-values, bounds and power all
follow from one function, the upper tail P(X >= k), in float64 on the host: they agree with each
other to the last count. Each function is imported on first use; only the permutation test needs
JAX.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
