"""The ways a student learns from a teacher; a new one is a file and a line here.

A method is a loss on what the teacher and the student make of the same pictures and know of them before they enlarge.
"""

from model_zoo.distillation.methods.feature import FEATURE
from model_zoo.distillation.methods.information import INFORMATION
from model_zoo.distillation.methods.lesson import Lesson, Method
from model_zoo.distillation.methods.output import OUTPUT

METHODS: dict[str, Method] = {
    "output": OUTPUT,
    "feature": FEATURE,
    "vid": INFORMATION,
    "pisr": INFORMATION,  # of a teacher that sees the truth, whose decoder the student begins as
}

__all__ = ["METHODS", "Lesson", "Method"]
