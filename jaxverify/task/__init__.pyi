from . import natural
from .extra_task import ExtraTask
from .generation import generate, twins
from .mixing import Mixed, mix
from .samples import Samples

__all__ = ["ExtraTask", "Mixed", "Samples", "generate", "mix", "natural", "twins"]
