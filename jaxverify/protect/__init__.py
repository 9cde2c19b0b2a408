"""Protecting a customer's data set: rows in, rows with an extra task among them out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
