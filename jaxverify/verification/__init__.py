"""Does a model know the extra task? By its answers, by its scores, or answer by answer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
