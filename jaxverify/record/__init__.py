"""What the customer keeps: the secret, the ledger of attempts, and the plan of how many samples."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
