"""The super-resolution networks, their training, and those that ship.

Names are loaded when they are first used: listing networks needs nothing beyond the standard library.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
