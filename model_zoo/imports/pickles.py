"""Reads the pickled part of a PyTorch checkpoint without unpickling anything.

A pickle is a program for a stack machine. Python's own machine can import any module and call any function, so a
checkpoint from a stranger must never reach it. This one is made for state dictionaries only: it knows the instructions
that PyTorch writes for dictionaries of tensors, and imports and calls nothing. The few names that such a program may
ask for (:data:`_NAMES`) are answered by inert records that say where an array lies; any other name, and any other
instruction, ends the reading. So does a program that is longer than a state dictionary can need.

Reference:
    The instructions are described in the module `pickletools` of Python's standard library.
"""

import dataclasses
import io
import struct
from collections.abc import Callable
from typing import Any, NoReturn

_MOST_INSTRUCTIONS = 500_000  # some 15,000 tensors
_NEWEST_PROTOCOL = 5
_MOST_AXES = 8

STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
"""PyTorch's storage types and what their bytes are: NumPy's names, and `bfloat16`, which NumPy has not."""


@dataclasses.dataclass(frozen=True)
class Name:
    """A name that a checkpoint may ask for; it stands for itself and can do nothing."""

    module: str
    name: str


_ORDERED = Name("collections", "OrderedDict")
_TENSOR = Name("torch._utils", "_rebuild_tensor_v2")
_PARAMETER = Name("torch._utils", "_rebuild_parameter")
_NAMES = {_ORDERED, _TENSOR, _PARAMETER} | {Name("torch", name) for name in STORAGES}


class Ordered(dict):
    """A dictionary that was an `OrderedDict`."""


@dataclasses.dataclass(frozen=True)
class Storage:
    """A run of numbers elsewhere in the file.

    Attributes:
        key: what it is called there.
        kind: one of :data:`STORAGES`.
        count: how many numbers.
    """

    key: str
    kind: str
    count: int


@dataclasses.dataclass(frozen=True, eq=False)
class Tensor:
    """An array as a view of a storage; nothing of it has been checked against the storage.

    Attributes:
        storage: where its numbers are.
        offset: of the first number.
        shape: of the array.
        strides: in numbers.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_pickle(stream: io.BytesIO) -> Any:
    """Reads one pickle from a stream and leaves the stream behind its end.

    Args:
        stream: a seekable stream whose whole content is in memory.

    Returns:
        Dictionaries with text keys, lists and tuples of text, numbers, None and :class:`Tensor`.

    Raises:
        ValueError: if it is damaged, or anything but such a value.
    """
    machine = _Machine(stream)
    for _ in range(_MOST_INSTRUCTIONS):
        code = stream.read(1)
        if code == b".":
            return machine.result()
        if code not in _INSTRUCTIONS:
            what = f"instruction {code!r}" if code else "end"
            raise ValueError(f"unexpected {what} at byte {stream.tell() - len(code)}: no checkpoint of arrays alone")
        _INSTRUCTIONS[code](machine)
    raise ValueError(f"more than {_MOST_INSTRUCTIONS:,} instructions: no checkpoint of arrays alone")


class _Machine:
    """A stack, the stacks that wait behind marks, and what has been noted for later."""

    def __init__(self, stream: io.BytesIO) -> None:
        self.stream = stream
        self.stack: list[Any] = []
        self.waiting: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def result(self) -> Any:
        """What is left when the program stops."""
        if len(self.stack) != 1 or self.waiting:
            raise ValueError("the pickle is damaged: it does not end with one value")
        return self.stack[0]

    def pop(self) -> Any:
        """Takes the topmost value."""
        if not self.stack:
            raise ValueError("the pickle is damaged: its stack is empty")
        return self.stack.pop()

    def top(self) -> Any:
        """Looks at the topmost value."""
        value = self.pop()
        self.stack.append(value)
        return value

    def pop_mark(self) -> list[Any]:
        """Takes all values above the last mark."""
        if not self.waiting:
            raise ValueError("the pickle is damaged: a mark is missing")
        values, self.stack = self.stack, self.waiting.pop()
        return values

    def take(self, size: int) -> bytes:
        """Reads exactly so many bytes, which may be more than there are but never costs more than there are."""
        data = self.stream.read(size)
        if len(data) != size:
            raise ValueError("the pickle is cut short")
        return data

    def number(self, form: str) -> Any:
        """Reads a number, in the language of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        """Reads a line of ASCII."""
        line = self.stream.readline(200)
        if not line.endswith(b"\n"):
            raise ValueError("the pickle is damaged: a name is cut short or too long")
        return line[:-1].decode("ascii", "backslashreplace")

    def push_text(self, form: str, encoding: str) -> None:
        """Reads text behind its length."""
        self.stack.append(self.take(self.number(form)).decode(encoding))

    def push_tuple(self, count: int) -> None:
        """Joins the topmost values."""
        if len(self.stack) < count:
            raise ValueError("the pickle is damaged: its stack is empty")
        below = len(self.stack) - count
        self.stack[below:] = [tuple(self.stack[below:])]

    def push_name(self, module: Any, name: Any) -> None:
        """Answers the program's wish for something importable: one of our inert names, or the end."""
        if type(module) is not str or type(name) is not str:
            _refuse("a name that is no text")
        if Name(module, name) not in _NAMES:
            _refuse(repr(f"{module}.{name}"[:100]))
        self.stack.append(Name(module, name))

    def recall(self, place: int) -> None:
        """Pushes what was noted."""
        if place not in self.memo:
            raise ValueError("the pickle is damaged: it recalls what it never noted")
        self.stack.append(self.memo[place])

    def note(self, place: int) -> None:
        """Notes the topmost value."""
        self.memo[place] = self.top()

    def append(self, values: list[Any]) -> None:
        """Adds to the topmost list."""
        target = self.top()
        if type(target) is not list:
            raise ValueError("the pickle is damaged: it appends to what is no list")
        target.extend(values)

    def set_items(self, values: list[Any]) -> None:
        """Adds keys and values in turn to the topmost dictionary."""
        target = self.top()
        if type(target) not in (dict, Ordered) or len(values) % 2:
            raise ValueError("the pickle is damaged: it sets items of what is no dictionary")
        _fill(target, zip(values[::2], values[1::2], strict=True))

    def call(self) -> None:
        """Does what the three permitted functions would have meant."""
        arguments, function = self.pop(), self.pop()
        if type(arguments) is not tuple or function not in (_ORDERED, _TENSOR, _PARAMETER):
            _refuse("a call of what is no function of PyTorch's")
        makers = {_ORDERED: _ordered, _TENSOR: _tensor, _PARAMETER: _parameter}
        self.stack.append(makers[function](arguments))

    def build(self) -> None:
        """Drops the attributes of an ordered dictionary, where PyTorch keeps version numbers of layers."""
        state = self.pop()
        if type(state) is not dict or type(self.top()) is not Ordered:
            _refuse("an object with a state of its own")

    def push_storage(self) -> None:
        """Turns PyTorch's description of a storage into a record."""
        described = self.pop()
        if type(described) is not tuple or len(described) not in (5, 6) or described[5:] not in ((), (None,)):
            _refuse("an object outside the pickle that is no storage")
        kind, key, place, count = described[1:5]
        typed = type(kind) is Name and type(key) is str and type(place) is str and _count(count)
        if described[0] != "storage" or not typed or kind.name not in STORAGES:
            _refuse("an object outside the pickle that is no storage")
        self.stack.append(Storage(key, kind.name, count))

    def protocol(self) -> None:
        """Reads which version of the language this is."""
        version = self.number("<B")
        if not 2 <= version <= _NEWEST_PROTOCOL:
            raise ValueError(f"pickle protocol must be from 2 to {_NEWEST_PROTOCOL}, got {version}")


def _refuse(what: str) -> NoReturn:
    raise ValueError(f"the checkpoint holds more than arrays: it asks for {what}; nothing of it was executed")


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _fill(target: dict[str, Any], pairs: Any) -> None:
    for key, value in pairs:
        if type(key) is not str:  # looked at before it is hashed: a tuple nested deep enough would overflow the C stack
            raise ValueError("the checkpoint holds more than arrays: a dictionary's key is not text")
        target[key] = value


def _ordered(arguments: tuple[Any, ...]) -> Ordered:
    """`OrderedDict()`, or of a list of pairs, as Python 2 wrote it."""
    made = Ordered()
    pairs = arguments[0] if len(arguments) == 1 else []
    if len(arguments) > 1 or type(pairs) is not list:
        _refuse("a dictionary of a kind of its own")
    if any(type(pair) not in (list, tuple) or len(pair) != 2 for pair in pairs):
        _refuse("a dictionary of a kind of its own")
    _fill(made, pairs)
    pairs.clear()  # or a short program could have a long list copied without end
    return made


def _tensor(arguments: tuple[Any, ...]) -> Tensor:
    """`_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`; a seventh argument must be empty."""
    if len(arguments) not in (6, 7) or any(arguments[6:]):
        _refuse("a tensor of an unknown kind")
    storage, offset, shape, strides = arguments[:4]
    sound = type(storage) is Storage and _count(offset) and type(shape) is tuple and type(strides) is tuple
    if not sound or not len(shape) == len(strides) <= _MOST_AXES or not all(map(_count, shape + strides)):
        raise ValueError(f"the checkpoint is damaged: a tensor's shape must be at most {_MOST_AXES} whole numbers")
    return Tensor(storage, offset, shape, strides)


def _parameter(arguments: tuple[Any, ...]) -> Tensor:
    """`_rebuild_parameter(tensor, requires_grad, hooks)`."""
    if len(arguments) != 3 or type(arguments[0]) is not Tensor:
        _refuse("a parameter of an unknown kind")
    return arguments[0]


def _stack_name(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    machine.push_name(module, name)


def _long(machine: _Machine) -> None:
    machine.stack.append(int.from_bytes(machine.take(machine.number("<B")), "little", signed=True))


def _pair(machine: _Machine) -> list[Any]:
    value, key = machine.pop(), machine.pop()
    return [key, value]


def _marked_tuple(machine: _Machine) -> None:
    values = tuple(machine.pop_mark())  # first: it changes which stack is the machine's
    machine.stack.append(values)


def _mark(machine: _Machine) -> None:
    machine.waiting.append(machine.stack)
    machine.stack = []


_INSTRUCTIONS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _Machine.protocol,
    b"\x95": lambda m: m.number("<Q"),  # a frame: how much follows, of no use here
    b"(": _mark,
    b"N": lambda m: m.stack.append(None),
    b"\x88": lambda m: m.stack.append(True),
    b"\x89": lambda m: m.stack.append(False),
    b"J": lambda m: m.stack.append(m.number("<i")),
    b"K": lambda m: m.stack.append(m.number("<B")),
    b"M": lambda m: m.stack.append(m.number("<H")),
    b"\x8a": _long,
    b"G": lambda m: m.stack.append(m.number(">d")),
    b"X": lambda m: m.push_text("<I", "utf-8"),
    b"\x8c": lambda m: m.push_text("<B", "utf-8"),
    b"U": lambda m: m.push_text("<B", "latin-1"),  # Python 2's text
    b")": lambda m: m.push_tuple(0),
    b"\x85": lambda m: m.push_tuple(1),
    b"\x86": lambda m: m.push_tuple(2),
    b"\x87": lambda m: m.push_tuple(3),
    b"t": _marked_tuple,
    b"]": lambda m: m.stack.append([]),
    b"a": lambda m: m.append([m.pop()]),
    b"e": lambda m: m.append(m.pop_mark()),
    b"}": lambda m: m.stack.append({}),
    b"s": lambda m: m.set_items(_pair(m)),
    b"u": lambda m: m.set_items(m.pop_mark()),
    b"h": lambda m: m.recall(m.number("<B")),
    b"j": lambda m: m.recall(m.number("<I")),
    b"q": lambda m: m.note(m.number("<B")),
    b"r": lambda m: m.note(m.number("<I")),
    b"\x94": lambda m: m.note(len(m.memo)),
    b"c": lambda m: m.push_name(m.line(), m.line()),
    b"\x93": _stack_name,
    b"R": _Machine.call,
    b"b": _Machine.build,
    b"Q": _Machine.push_storage,
}
"""What each instruction does; one that is not here ends the reading."""
