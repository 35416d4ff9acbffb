"""Networks that others published: safe reading of their files, and turning what is in them into networks of ours."""

from model_zoo.imports.arrays import read_arrays
from model_zoo.imports.networks import import_network, load_published, read_network
from model_zoo.imports.recognise import Recognised, recognise

__all__ = ["Recognised", "import_network", "load_published", "read_arrays", "read_network", "recognise"]
