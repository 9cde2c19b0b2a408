"""Verify that training on a cloud was carried through to convergence.

The public names stand in ``__init__.pyi``, and each is imported when it is first used, so that
``import jaxverify`` takes no time. Models, data, layers, clouds and the runs of our scripts are
imported by their modules: ``from jaxverify.runs import load_model``.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
