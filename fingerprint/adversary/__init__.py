"""An adversary's bench: hiding an upscaler, forging another one's traces, and what cheap defences are worth."""
