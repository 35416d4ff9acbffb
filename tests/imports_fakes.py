"""Checkpoint files written by hand, sound and hostile, as PyTorch would write them or as an attacker would."""

import base64
import struct
import zipfile
import zlib

import numpy as np

KINDS = {"<f4": b"Float", "<f8": b"Double", "<f2": b"Half", "<i8": b"Long", "|u1": b"Byte"}


def text(value):
    """Pushes text."""
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value):
    """Pushes a whole number."""
    return b"\x8a\x08" + struct.pack("<q", value)


def numbers(values):
    """Pushes a tuple of whole numbers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(key="0", count=4, shape=(4,), strides=(1,), offset=0, kind=b"Float"):
    """Pushes a tensor that lies in storage `key` of `count` numbers."""
    storage = (
        b"(" + text("storage") + b"ctorch\n" + kind + b"Storage\n" + text(key) + text("cpu") + number(count) + b"tQ"
    )
    place = number(offset) + numbers(shape) + numbers(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + place + b"\x89ccollections\nOrderedDict\n)RtR"


def items(pairs):
    """Pushes a dictionary of what is pushed by the values."""
    return b"}(" + b"".join(text(name) + push for name, push in pairs) + b"u"


def program(push, protocol=2):
    """A whole pickle."""
    return b"\x80" + bytes([protocol]) + push + b"."


def state(arrays, first=0):
    """Pushes a dictionary of arrays; their storages are numbered in order."""
    pairs = []
    for index, (name, array) in enumerate(arrays.items(), first):
        strides = [stride // array.itemsize for stride in np.ascontiguousarray(array).strides]
        kind = KINDS[array.dtype.str]
        pairs.append((name, tensor(str(index), array.size, array.shape, strides, kind=kind)))
    return items(pairs)


def storages(arrays, first=0):
    """The bytes of the storages that :func:`state` numbers."""
    return {str(index): np.ascontiguousarray(array).tobytes() for index, array in enumerate(arrays.values(), first)}


def write_zip(path, pickle, contents, compression=zipfile.ZIP_STORED, extra=()):
    """Writes a checkpoint of today's kind."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in (("data.pkl", pickle), *extra, *((f"data/{k}", v) for k, v in contents.items())):
            archive.writestr(f"archive/{name}", content)
    return path


def write_legacy(path, pickle, contents, width=4, system=None):
    """Writes a checkpoint as before PyTorch 1.6."""
    magic = program(b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little"))
    described = system or items([("protocol_version", number(1001)), ("little_endian", b"\x88")])
    keys = program(b"](" + b"".join(map(text, contents)) + b"e")
    numbers = b"".join(struct.pack("<q", len(content) // width) + content for content in contents.values())
    path.write_bytes(magic + program(number(1001)) + program(described) + pickle + keys + numbers)
    return path


def write_pth(path, arrays, nest=None):
    """Writes arrays as a checkpoint, within a dictionary of one name if `nest` gives one."""
    push = state(arrays) if nest is None else items([(nest, state(arrays))])
    return write_zip(path, program(push), storages(arrays))


def exploit_zip(path, marker):
    """Writes a checkpoint that creates a file when it is unpickled."""
    push = b"cos\nsystem\n" + text(f"touch {marker}") + b"\x85R"
    return write_zip(path, program(items([("w", tensor()), ("x", push)])), {"0": bytes(16)})


def unpacked(packed):
    """The bytes of a file that is kept here as text."""
    return zlib.decompress(base64.b85decode(packed))


# torch.save({"params": state}) by PyTorch 2.13, of today's kind and of the old one. The state is that of a Linear layer
# (so it has versions of layers as attributes) with a bfloat16 transpose, a view with an offset, a Parameter, a scalar.
ZIP = (
    "c-o~_Pi)&%7=QUwC(TOQj<I$Hx-np+(4}$yI7z!TsfBzo5?v5d#3gbQH?eTzeD-S#NR=v~7PxW&E@($iTsUw-^u#W3*kz|lAOV^<aYf>?@7ZZ)"
    "ztV=KPQE&6-tW(6zwei<tC1)n@i;kgOp%L3vzr}bM_+1bR7>~XHx)Ta-U}T2;XNRA0oV65TibFV)NER&sW+)%b)Cf9c1ySQ)|*C?CLp{}gGkC<"
    "ysI1S4uxowS}2ijY*WK@5)E75*fz{ogX&$!vKu?u1dOFp^%x=?T&cBn5IjgiF)fY0<NY%Mv3dyCWFTIT;JMk`hH+J(khr4~HLOMs;er}bLx(W&"
    "S%<lJhC;FilXYyJY#5pYQytXl2px|{gz3(>8m4g3#UH@4YUltidD!PDT&}^4i|uIUCd_)+zAxD|CQ1WqS6s?0%pqlz!t<V`@FBdQhS=#vk9MBI"
    ")f!xLX?F~L7hVcj%E5KSPf&RIjvDpwudo+~@T!NuLE*I;q};_lSUBavx;IIux}AX61N?b-!)tl5-||h?a@ylwqL8V9_^JCQ`w8S~katmCC<K~+"
    "%j&iVjZ5y50u+%rM4^Pl3kx1$nZj}nR<`%xR(%{7HPDmBHW}P@KVPl09SD^@sJb_QN4Fi^Pq3zj9LL#k((7t0{?8v@{jwXzy@a)X>NcJs(ZM!O"
    "Z(8=2MjL%PMaEmrn7;q};m6D?tJ9h0Nbw0%e>*lb(`a|M^e$E895)*O>yYxyKxG&H!Y)YoOas%TGBB|5A=NE5T#CFhith1Y8kCwk^Kfwc_bY5P"
    "g)==Q$!Z`KmNJUGd=3L1>;5YKsSr}d+Q+(EVUB8lKDs)KAIuJMv>0?GDsqZEg+9~#k?D1QO5R`s@gaJ*f_hm+E|Jmu$9}8TD%1b2{qWln^mFIa"
    "cdtKQ15(8&);`u<tRt-7u*e#I7hqk(%B(S;AM9<eW?0+~@p&oeGq1=~<fQ%)(>`Ln%ZtDMJVO74^YkC<voihOgGbhI{YkPi&>sXzaa04j1XI5M"
    "b^G1n^FL3rPXfqo-O+6W6X+w2ecLvSmLjL0(ukOqN(HHyD@$c5kB_V*iWz*7&q-3ITrOk^#gbT-vdpFM!xuD#K2omB5HmaQ=?~+n6VCbH5j@%-"
    "z%v2ly)Zc~zIhUVh|UFrGeXWtZl1><gwp|@&wV_D0OsNT)Jg{6m!pKsP9Ez|pdj`e9xL)#e|iM5vtt}K%VYf$9mIagV{<&#Kea(@Rp79B9_ybt"
    "PM60Pc&vYBCWHOP2tT1b*uRzMgZJ16{_i1MR|R45cqAh?2gnKT{BPJhm*U3}Be-dkyWqX|er=2i9%jN_@2!0dw{C<G"
)

LEGACY = (
    "c-nPS$#T;`5Y=Xxh$Muau!h}cF}C8!HcRYKR4&67anXfRDe@4B5>i?kCk0im@+Btl4IFahFUY5G<rAplKx^b|M5xp=nx3Bbp1OMm(pN3`^KJ3>"
    "%=_=Jrz->L#V;AhJ_sdiN)UwAIAW0-1@;<^6F&+;!~kmocLJZWfZ8<d`c4Sarlp~ieO#q>;(wwE$bC>sRso%f7sU(;M6zUD`5^<9D3+39MBxe)"
    "iPGz3oR*qWI<fO10ntU;fVvD>6YW*pr7`V3^IfKaR5n2_@!)mpuXqd;mqoGbRqP(~gG94qy4>@FuFYteM6tc5YfvbatYWGLBb^lrYIa0h3?hfU"
    "$($M#tx1e&)$4krsn=_Ut~Z--gbR09doV`SmkhKeA`pqlLpVxgA`W5vi<fGeU@&RIG5%}IzLUU|hpe9J9YSq1>u}r~BNC#W;Ak6gl875{DnmNW"
    ";EV}pIg;lD@8Dd9G}8Q(i>?{FvZwb5TD9t&QPmqdoJRr$2`*%Er6F7-Vme*QNG>zDV!{k3S@Y>ST+Np|+cIhfTtl>RM7zF3lnm`g`Z0u?8QLud"
    "w@oNnVp>8d|ED0lxRlXYgFA=Wxb|90ufp9?a_)_ib3aW^C1ZNPplU*GlP~noFl$1c(}pm2AWhG)y>?S%{F|bB%YX*bh)B~!nsPaVZ!vgi!lPav"
    "9$RC0#74bN*I^Dk;rsIzIt6I=p~D+$=VmMrF-el;1Y7xSdVO+oDCTvSl-C?`UO|<-Unu0IPo<S{VgEB|<IuquZGg6gwvF}^O;`|wDYO~1>VkUk"
    "+&m6=w$siqw%XF(X6pN)?C0ooI^t+m9L;<2+o^`_zff-w)B"
)
