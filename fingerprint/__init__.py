"""From features to evidence: sources, experts, likelihood ratios, decisions, and the typed result.

Names are loaded when they are first used, so that importing this package costs nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
