import io
import json
import os
import random
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile

import imports_fakes as fakes
import numpy as np
import pytest
from imports_fakes import items, number, numbers, program, state, storages, tensor, text, write_legacy, write_zip
from safetensors.numpy import save_file

from model_zoo.imports import pickles, read_arrays

ARRAYS = {
    "conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "conv.bias": np.array([0.5, -1], np.float32),
    "index": np.arange(6, dtype=np.int64).reshape(2, 3),
}
FOUR = {"0": struct.pack("<4f", 1, 2, 3, 4)}


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


class TestSoundFiles:
    @pytest.mark.parametrize("packed", [fakes.ZIP, fakes.LEGACY], ids=["zip", "legacy"])
    def test_what_pytorch_wrote(self, tmp_path, packed):
        path = tmp_path / "a.pth"
        path.write_bytes(fakes.unpacked(packed))
        wanted = {
            "weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
            "bias": np.array([0.5, -1], np.float32),
            "half": np.array([[0, 2], [1, 3]], np.float32),
            "view": np.array([[4, 6], [8, 10]], np.float32),
            "p": np.array([1.5, -2], np.float32),
            "n": np.array(7, np.int64),
        }
        assert_same(read_arrays(path), wanted)

    def test_every_container_gives_the_same_arrays(self, tmp_path):
        np.savez(tmp_path / "a.npz", allow_pickle=False, **ARRAYS)
        np.savez_compressed(tmp_path / "b.npz", allow_pickle=False, **ARRAYS)
        save_file(ARRAYS, tmp_path / "c.safetensors")
        write_zip(tmp_path / "d.pth", program(state(ARRAYS)), storages(ARRAYS))
        floats = {name: array for name, array in ARRAYS.items() if name != "index"}
        write_legacy(tmp_path / "e.pth", program(state(floats)), storages(floats))
        (tmp_path / "d.pth").rename(tmp_path / "d.strange")  # content decides, not the suffix
        for path in tmp_path.iterdir():
            assert_same(read_arrays(path), floats if path.name == "e.pth" else ARRAYS)

    @pytest.mark.parametrize("nest", ["params_ema", "params", "state_dict", "model"])
    def test_usual_nests_and_prefixes_are_seen_through(self, tmp_path, nest):
        prefixed = {f"module.{name}": array for name, array in ARRAYS.items()}
        other = {"other": np.zeros(1, np.float32)}
        pairs = [("net", state(other, first=9)), (nest, state(prefixed))]
        contents = storages(prefixed) | storages(other, first=9)
        assert_same(read_arrays(write_zip(tmp_path / "a.pth", program(items(pairs)), contents)), ARRAYS)

    def test_averaged_weights_come_before_plain_ones(self, tmp_path):
        pairs = [("params", tensor("0")), ("params_ema", tensor("1"))]
        nested = items([(name, items([("w", push)])) for name, push in pairs])
        path = write_zip(tmp_path / "a.pth", program(nested), FOUR | {"1": struct.pack("<4f", 5, 6, 7, 8)})
        assert read_arrays(path)["w"].tolist() == [5, 6, 7, 8]

    @pytest.mark.parametrize("code", ["<f8", "<f2", "|u1"])
    def test_number_types_are_kept(self, tmp_path, code):
        arrays = {"w": np.arange(6).reshape(2, 3).astype(code)}
        assert_same(read_arrays(fakes.write_pth(tmp_path / "a.pth", arrays)), arrays)

    def test_bfloat16_and_booleans_of_safetensors(self, tmp_path):
        header = {
            "b": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
            "t": {"dtype": "BOOL", "shape": [], "data_offsets": [4, 5]},
        }
        encoded = json.dumps(header).encode()
        path = tmp_path / "a.safetensors"
        path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + struct.pack("<HH", 0x3FC0, 0xC000) + b"\1")
        assert_same(read_arrays(path), {"b": np.array([1.5, -2], np.float32), "t": np.array(True)})

    def test_text_of_python_2_and_pairs_in_a_list(self, tmp_path):
        pairs = b"ccollections\nOrderedDict\n]]U\x01w" + tensor()[:0] + b"a]"
        pairs = b"ccollections\nOrderedDict\n](](U\x01w" + tensor() + b"ee\x85R"
        assert read_arrays(write_zip(tmp_path / "a.pth", program(pairs), FOUR))["w"].tolist() == [1, 2, 3, 4]

    def test_a_newer_protocol(self, tmp_path):
        names = b"\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93\x94)R"
        push = names + b"(" + b"\x8c\x01w\x94" + tensor() + b"u"
        framed = b"\x80\x04\x95" + struct.pack("<Q", len(push) + 1) + push + b"."
        assert read_arrays(write_zip(tmp_path / "a.pth", framed, FOUR))["w"].tolist() == [1, 2, 3, 4]


def exploits(marker):
    """Programs that create the file `marker` when they are unpickled, by every road there is."""
    command = text(f"touch {marker}")
    system, code = b"cos\nsystem\n", text(f"__import__('os').system('touch {marker}')")
    setter = b"ctypes\nSimpleNamespace\n)R}" + text("__setstate__") + system + b"sb"
    return {
        "call": system + command + b"\x85R",
        "call of a name from the stack": b"\x8c\x02os\x8c\x06system\x93" + command + b"\x85R",
        "eval": b"cbuiltins\neval\n" + code + b"\x85R",
        "exec": b"cbuiltins\nexec\n" + code + b"\x85R",
        "set state": setter + command + b"b",
        "inst": b"(" + command + b"ios\nsystem\n",
        "obj": b"(" + system + command + b"o",
        "new object": b"cfunctools\npartial\n" + system + command + b"\x86\x81)R",
        "dotted name": b"\x8c\x02os\x8c\x10path.os.system".replace(b"\x10", b"\x0e") + b"\x93" + command + b"\x85R",
        "getattr": b"cbuiltins\ngetattr\n" + b"cos\npath\n" + text("os") + b"\x86R0" + system + command + b"\x85R",
        "text protocol": b"(S'touch " + str(marker).encode() + b"'\nios\nsystem\n",
        "behind a sound array": items([("w", b"(lp0\n0" + system + command + b"\x85R")]),
    }


NAMES = sorted(exploits("x"))
PAIRS = b"](" + b"".join(text(str(i)) + b"N\x86" for i in range(4_000)) + b"eq\0"
COPIES = PAIRS + b"ccollections\nOrderedDict\nh\0\x85R" * 2_000  # each would be of 4,000 pairs
LEVELS = [b"".join(text(str(i)) + b"h" + bytes([level]) for i in range(900)) for level in range(3)]
TREE = b"}q\0" + b"".join(b"}(" + level + b"uq" + bytes([n]) for n, level in enumerate(LEVELS, 1))  # 900**3 leaves


class TestHostileCheckpoints:
    @pytest.mark.parametrize("name", NAMES)
    def test_execute_nothing(self, tmp_path, name):
        marker = tmp_path / "executed"
        pickle = program(exploits(marker)[name], protocol=4)
        (tmp_path / "raw.pkl").write_bytes(pickle)
        script = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))"
        subprocess.run([sys.executable, "-I", "-c", script, str(tmp_path / "raw.pkl")], capture_output=True, timeout=60)
        assert marker.exists()  # the exploit is real: Python's own machine runs it
        marker.unlink()
        sound = items([("w", tensor())])
        paths = [
            write_zip(tmp_path / "a.pth", pickle, FOUR),
            write_zip(tmp_path / "b.pth", program(items([("w", tensor()), ("x", exploits(marker)[name])])), FOUR),
            write_legacy(tmp_path / "c.pth", pickle, FOUR),
            write_legacy(tmp_path / "d.pth", program(sound), FOUR, system=exploits(marker)[name]),
            tmp_path / "raw.pkl",
        ]
        for path in paths:
            with pytest.raises(ValueError) as caught:
                read_arrays(path)
            assert "\n" not in str(caught.value) and str(caught.value).startswith(path.name)
        assert not marker.exists()

    def test_say_what_they_asked_for(self, tmp_path):
        path = write_zip(tmp_path / "a.pth", program(exploits(tmp_path / "x")["call"]), FOUR)
        with pytest.raises(ValueError, match="a.pth: the checkpoint holds more than arrays: it asks for 'os.system'"):
            read_arrays(path)

    @pytest.mark.parametrize(
        "push",
        [
            b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n",
            b"ctorch\nFloatStorage.__reduce__\n",
            b"ctorch.storage\n_load_from_bytes\n" + text("x") + b"\x85R",
            b"ctorch\nFloatStorage\n)R",  # a storage is no function
            b"ccollections\nOrderedDict\n" + text("x") + b"\x85R",
            b"ccollections\nOrderedDict\n](](" + text("a") + b"Nee\x85\x85R",
            b"ccollections\nOrderedDict\n)R(}" + text("__class__") + b"NstNb",
            b"ccollections\nOrderedDict\n)RN}\x86b",
            b"}}" + text("__class__") + b"Nsb",
            b"ctorch._utils\n_rebuild_parameter\n}\x89}\x87R",
            b"ctorch._utils\n_rebuild_tensor_v2\nNNNNNN".replace(b"NNNNNN", b"(NNNNNNt") + b"R",
            tensor().replace(b"\x89ccoll", b"\x89ccollections\nOrderedDict\n)R}" + text("conj") + b"\x88s0ccoll"),
            b"NQ",
            b"]Q",
            number(5) + b"Q",
            text("storage") + b"Q",
            b"(" + text("module") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + number(4) + b"tQ",
            b"(" + text("storage") + text("FloatStorage") + text("0") + text("cpu") + number(4) + b"tQ",
            b"(" + text("storage") + b"ccollections\nOrderedDict\n" + text("0") + text("cpu") + number(4) + b"tQ",
            b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + number(-4) + b"tQ",
            b"(" + text("storage") + b"ctorch\nFloatStorage\n" + number(0) + text("cpu") + number(4) + b"tQ",
            b"P0\n",
            b"\x82\x01",
            b"}" + b"N\x85Ns",
        ],
        ids=str,
    )
    def test_odd_contents_are_refused(self, tmp_path, push):
        for value in (push, items([("w", push)])):
            with pytest.raises(ValueError, match="a.pth: "):
                read_arrays(write_zip(tmp_path / "a.pth", program(value), FOUR))

    @pytest.mark.parametrize(
        ("push", "message"),
        [
            (
                items([("epoch", number(3)), ("w", tensor())]),
                "nothing but arrays in dictionaries, 'epoch' is of type int",
            ),
            (items([("w", tensor()), ("names", b"]")]), "'names' is of type list"),
            (tensor(), "it is of type Tensor"),
            (b"}", "there are no arrays in it"),
            (
                items([("stuff", items([("w", tensor())]))]),
                "must lie at the top or in one of params_ema, .* got 'stuff'",
            ),
            (items([("w", tensor(offset=1))]), "array 'w' reaches beyond its storage of 4 numbers"),
            (items([("w", tensor(shape=(2, 2), strides=(2, 2)))]), "array 'w' reaches beyond its storage"),
            (items([("w", tensor(shape=(2, 3), strides=(0, 1)))]), "of shape 2x3 is more than its storage of 4"),
            (items([("w", tensor(shape=(2,) * 9, strides=(0,) * 9))]), "shape must be at most 8 whole numbers"),
            (items([("w", tensor(shape=(-1,)))]), "shape must be at most 8 whole numbers"),
            (items([("w", tensor(shape=(2**40,), strides=(0,)))]), "state .* bytes, far more than the file's"),
            (items([("w", tensor(count=5))]), "storage '0' must have 5 numbers, and the archive has not"),
            (items([("w", tensor(key="../../secret"))]), "storage '../../secret' must have 4 numbers"),
            (items([("w", tensor()), ("v", tensor(kind=b"Int"))]), "storage '0' is described in two ways"),
            (b"}q\x00" + text("a") + b"h\x00s", "'a' is a dictionary once more or too deep"),
        ],
    )
    def test_what_does_not_fit_is_said(self, tmp_path, push, message):
        with pytest.raises(ValueError, match=message):
            read_arrays(write_zip(tmp_path / "a.pth", program(push), FOUR))

    @pytest.mark.parametrize(
        "push",
        [
            b"(" + b"}" * 300_000 + b"t",
            b")" + b"\x85" * 15_000,
            b"})" + b"\x85" * 15_000 + b"Ns",  # to hash so deep a tuple overflows the stack of Python itself
            b"]" + b"]a" * 7_000,
            b"(" * 15_000,
            b"X\xff\xff\xff\xff",
            COPIES,
            b"(" + TREE + b"t",
            items([("w", items([("a", tensor())]) + b"q\0"), ("b", b"h\0")]),
        ],
        ids=["many", "deep tuples", "deep key", "deep lists", "marks", "length", "copies", "tree", "shared"],
    )  # fmt: skip
    def test_a_short_file_costs_little(self, tmp_path, monkeypatch, push):
        monkeypatch.setattr(pickles, "_MOST_INSTRUCTIONS", 20_000)  # checked calls are slow
        path = write_zip(tmp_path / "a.pth", program(push), FOUR)
        begun = time.process_time()
        with pytest.raises(ValueError, match="a.pth: "):
            read_arrays(path)
        assert time.process_time() - begun < 10  # a second or two; without bounds, hours

    def test_many_names_for_one_array_take_no_more_memory_than_the_file_warrants(self, tmp_path):
        pairs = [("w", tensor(count=250_000, shape=(250_000,)) + b"q\0"), *((str(i), b"h\0") for i in range(500))]
        path = write_zip(tmp_path / "a.pth", program(items(pairs)), {"0": bytes(1_000_000)})
        with pytest.raises(ValueError, match="the arrays state 501,000,000 bytes, far more than the file's 1,0"):
            read_arrays(path)

    def test_zip_bombs_are_refused_before_they_are_opened(self, tmp_path):
        bomb = {"0": bytes(8_000_000)}
        push = program(items([("w", tensor(count=2_000_000, shape=(2_000_000,)))]))
        path = write_zip(tmp_path / "a.pth", push, bomb, zipfile.ZIP_DEFLATED)
        np.savez_compressed(tmp_path / "b.npz", w=np.zeros(20_000_000, np.float32))
        tracemalloc.start()
        with pytest.raises(ValueError, match="must be stored without compression"):
            read_arrays(path)
        with pytest.raises(ValueError, match="more bytes than its size warrants"):
            read_arrays(tmp_path / "b.npz")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
        tracemalloc.stop()


def damaged(content, random):
    """Cuts bytes off, flips bits, overwrites or moves bytes."""
    content, kind = bytearray(content), random.randrange(4)
    if kind == 0:
        return bytes(content[: random.randrange(len(content))])
    for _ in range(random.choice([1, 1, 2, 8])):
        place = random.randrange(len(content))
        if kind == 1:
            content[place] ^= 1 << random.randrange(8)
        elif kind == 2:
            content[place] = random.randrange(256)
        else:
            other, length = random.randrange(len(content)), random.randrange(1, 40)
            content[place : place + length] = content[other : other + length]
    return bytes(content)


@pytest.mark.parametrize("kind", ["zip", "legacy", "npz", "safetensors"])
def test_damaged_files_never_end_otherwise_than_in_a_value_error(tmp_path, kind):
    path = tmp_path / "a"
    if kind in ("zip", "legacy"):
        path.write_bytes(fakes.unpacked(fakes.ZIP if kind == "zip" else fakes.LEGACY))
    elif kind == "npz":
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **ARRAYS)
        path.write_bytes(buffer.getvalue())
    else:
        save_file(ARRAYS, path)
    content, generator = path.read_bytes(), random.Random(kind)
    refused = 0
    for _ in range(150):
        path.write_bytes(damaged(content, generator))
        try:
            read_arrays(path)  # a flipped bit of a number goes unseen where there is no checksum
        except ValueError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 30


class TestOtherFiles:
    def test_objects_in_an_npz_are_refused(self, tmp_path):
        np.savez(tmp_path / "a.npz", w=np.array([{"a": 1}], object))
        with pytest.raises(ValueError, match="array 'w.npy' must hold numbers of one type"):
            read_arrays(tmp_path / "a.npz")

    def test_an_npz_that_states_too_much_is_refused(self, tmp_path):
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (10**11,)})
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("w.npy", buffer.getvalue())
        with pytest.raises(ValueError, match="array 'w.npy' states more numbers than the file has"):
            read_arrays(tmp_path / "a.npz")

    def test_fortran_order_and_scalars_of_an_npz(self, tmp_path):
        arrays = {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "s": np.array(2.5, np.float32)}
        np.savez(tmp_path / "a.npz", allow_pickle=False, **arrays)
        assert_same(read_arrays(tmp_path / "a.npz"), arrays)

    def test_what_is_no_checkpoint_is_refused(self, tmp_path):
        (tmp_path / "a.pth").write_bytes(b"hello, I am a text")
        (tmp_path / "empty.pth").write_bytes(b"")
        for path in (tmp_path / "a.pth", tmp_path / "empty.pth"):
            with pytest.raises(ValueError, match="must be a PyTorch checkpoint, a safetensors file or an .npz file"):
                read_arrays(path)
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe", tmp_path / "none"):
            with pytest.raises(ValueError, match="must be a file"):
                read_arrays(path)

    def test_other_byte_orders_and_missing_parts_are_refused(self, tmp_path):
        good = program(items([("w", tensor())]))
        for extra, message in (([("byteorder", b"big")], "little-endian"), ([("sub/data.pkl", good)], None)):
            path = write_zip(tmp_path / "a.pth", good, FOUR, extra=extra)
            if message is None:
                assert read_arrays(path)["w"].tolist() == [1, 2, 3, 4]
                continue
            with pytest.raises(ValueError, match=message):
                read_arrays(path)
        with zipfile.ZipFile(tmp_path / "b.pth", "w") as archive:
            archive.writestr("nothing", b"")
        with pytest.raises(ValueError, match="must hold one data.pkl, got 0"):
            read_arrays(tmp_path / "b.pth")
        path = write_legacy(tmp_path / "c.pth", good, FOUR, system=items([("little_endian", b"\x89")]))
        with pytest.raises(ValueError, match="little-endian"):
            read_arrays(path)
        path = write_legacy(tmp_path / "d.pth", good, {"1": FOUR["0"]})
        with pytest.raises(ValueError, match="list of storages does not fit"):
            read_arrays(path)

    def test_shapes_are_whole_numbers(self, tmp_path):
        for broken in (b"\x88", b"N", text("4"), numbers((4,))):
            push = tensor().replace(numbers((4,)), b"(" + broken + b"t", 1)
            with pytest.raises(ValueError, match="at most 8 whole numbers"):
                read_arrays(write_zip(tmp_path / "a.pth", program(items([("w", push)])), FOUR))
