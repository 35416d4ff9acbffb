"""What networks are trained to make small.

Names are loaded when they are first used: a loss's text is checked with nothing beyond the standard library.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
