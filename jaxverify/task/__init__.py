"""The extra task: what it is, how its samples are drawn, and how they are mixed into a data set."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
