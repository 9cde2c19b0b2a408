from . import export
from .upload import Protected, protect

__all__ = ["Protected", "export", "protect"]
