"""Writes tests/golden/torch: files of torch.save, and what is in them.

    python tests/golden/make/torch_files.py        (PyTorch 2.15)

values.safetensors: the tensors, by name, one after the other, in float32 but integers. NAME.pt: the
same ones, or some of them, saved in several ways. Files whose names begin with bad- do what torch.save
does not, or harm where somebody unpickles them.
"""

import collections
import enum
import io
import pathlib
import pickle
import types
import zipfile

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "torch"
CORPUS = pathlib.Path(__file__).resolve().parents[3] / "fuzz" / "corpus" / "torch"


def tensors():
    """Of every dtype and of every way to lie in a storage."""
    torch.manual_seed(0)
    base = torch.randn(4, 6)
    wide = torch.randn(2, 3, 4, 5)
    result = collections.OrderedDict()
    result["f32"] = torch.randn(3, 4)
    result["f16"] = torch.randn(3, 4).half()
    result["bf16"] = torch.randn(3, 4).bfloat16()
    result["f64"] = torch.randn(3, 4).double()
    for dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool):
        result[str(dtype).removeprefix("torch.")] = torch.arange(5).to(dtype)
    result["uint16"] = torch.arange(5).to(torch.uint16)
    result["scalar"] = torch.tensor(2.5)
    result["empty"] = torch.zeros(0, 3)
    result["parameter"] = torch.nn.Parameter(torch.randn(2, 2))
    # Of one storage.
    result["base"] = base
    result["rows"] = base[1:3]
    result["columns"] = base[:, 2:5]
    result["transposed"] = base.t()
    result["every"] = base[::2, 1::3]
    result["one"] = base[3, 5]
    result["expanded"] = base[:, :1].expand(4, 3)
    result["repeated"] = base[2:3].expand(3, 6)
    result["half.transposed"] = torch.randn(5, 3).half().t()
    result["last"] = wide.contiguous(memory_format=torch.channels_last)
    result["permuted"] = wide.permute(2, 0, 3, 1)
    return result


class Callback:
    """A class that nobody knows who reads the file."""

    def __init__(self):
        self.best = torch.ones(2)
        self.seen = {"a": [1, 2.5, None], "b": {1, 2}}


class Kind(enum.Enum):
    """As Python 3.12 and newer pickle every enumeration."""

    LINEAR = 1
    cosine = 2
    __reduce_ex__ = enum.pickle_by_enum_name


class Outer:
    class Inner:
        class Kind(enum.Enum):
            A1_B = 1
            __reduce_ex__ = enum.pickle_by_enum_name


def lightning(state):
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([parameter])
    parameter.sum().backward()
    optimizer.step()
    return {
        "epoch": 3,
        "global_step": 12345678901234567890,
        "pytorch-lightning_version": "1.4.2",
        "state_dict": state,
        "callbacks": {Callback: Callback(), "again": Callback()},
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [types.SimpleNamespace(last=torch.zeros(2))],
        "hyper_parameters": {"path": pathlib.PurePosixPath("a/b"), "scale": b"\0\1", "kind": int,
                             "counts": collections.Counter("aab"), "when": 1e-4},
    }


def global_of(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def write_bad(name, pickled, members=(), compression=zipfile.ZIP_STORED, folder="archive", start=()):
    """An archive with a pickle (of protocol 2 without its first and last byte) and other members."""
    with zipfile.ZipFile(FOLDER / f"bad-{name}.pt", "w", compression) as archive:
        def put(member, data):
            archive.writestr(zipfile.ZipInfo(member), data, compression)
        for member, data in start:
            put(member, data)
        put(f"{folder}/data.pkl", b"\x80\x02" + pickled + b".")
        for member, data in members:
            put(member, data)


def text(string):
    return b"X" + len(string).to_bytes(4, "little") + string.encode()


def tensor(key, count, storage="FloatStorage", shape=None, stride=None, offset=0):
    """_rebuild_tensor_v2 of a storage of so many entries."""
    shape = [count] if shape is None else shape
    stride = [1] * len(shape) if stride is None else stride

    def number(n):
        return b"\x8a\x08" + n.to_bytes(8, "little", signed=True)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    return (global_of("torch._utils", "_rebuild_tensor_v2") + b"((" + text("storage")
            + global_of("torch", storage) + text(key) + text("cpu") + number(count) + b"tQ"
            + number(offset) + numbers(shape) + numbers(stride) + b"\x89}tR")


def state(*entries):
    return b"}" + b"".join(text(name) + value + b"s" for name, value in entries)


def bad():
    data = [("archive/data/0", bytes(16))]
    one = ("a", tensor("0", 4))
    harm = {"os": ("os", "system"), "posix": ("posix", "system"), "eval": ("builtins", "eval"),
            "getattr": ("__builtin__", "getattr"), "popen": ("subprocess", "Popen")}
    for name, names in harm.items():
        write_bad(f"harm-{name}", state(one, ("b", global_of(*names) + b"(" + text("true") + b"tR")), data)
    # Where Lightning's files have what is skipped; by its way through another module.
    inner = state(one)
    write_bad("harm-callback", state(("state_dict", inner), ("callbacks", b"]" + global_of("os", "system")
              + text("true") + b"\x85Ra")), data)
    for name, module, path in (("nested", "torch", "hub.os.system"), ("dunder", "torch", "Tensor.__class__.x")):
        pickled = state(one, ("b", text(module) + text(path) + b"\x93(tR"))
        write_bad(f"harm-{name}", pickled, data)
    # What nobody knows in the place of a tensor, or of all.
    write_bad("numpy", state(("state_dict", state(one, ("b", global_of("numpy.core.multiarray", "_reconstruct")
              + b"(tR")))), data)
    write_bad("module", global_of("my.net", "Net") + b")\x81}b", data)
    write_bad("sparse", state(one, ("b", global_of("torch._utils", "_rebuild_sparse_tensor") + b")R")), data)
    write_bad("list", b"]", data)
    write_bad("none", state(("a", b"K\1"), ("b", global_of("my", "thing") + b")R")), data)
    # A dict in itself, and as many dicts as there are paths to the last.
    write_bad("itself", b"}q\0" + text("a") + b"h\0s" + text("b") + b"h\0s" + text("c") + b"h\0s" + text("d")
              + b"h\0s" + text("e") + b"h\0s" + text("f") + b"h\0s" + text("g") + b"h\0s" + text("h") + b"h\0s")
    write_bad("memo", b"".join(b"}q" + bytes([i]) + b"(" + b"".join(text(str(k)) + (b"h" + bytes([i - 1])
              if i else b"N") for k in range(16)) + b"u0" for i in range(9)) + b"h\x08")
    write_bad("memo-number", b"}r\xff\xff\xff\xff")
    write_bad("deep", b"}" * 3000000, compression=zipfile.ZIP_DEFLATED)
    write_bad("marks", b"(" * 3000000 + b"t", compression=zipfile.ZIP_DEFLATED)
    write_bad("wide", b"N0" * 8000000 + b"}", compression=zipfile.ZIP_DEFLATED)
    # Places.
    write_bad("beyond", state(("a", tensor("0", 4, shape=[5]))), data)
    write_bad("offset", state(("a", tensor("0", 4, shape=[2], offset=3))), data)
    write_bad("stride", state(("a", tensor("0", 4, shape=[2, 2], stride=[3, 1]))), data)
    write_bad("negative", state(("a", tensor("0", 4, shape=[2], stride=[-1], offset=2))), data)
    write_bad("overflow", state(("a", tensor("0", 4, shape=[2**40, 2**40], stride=[0, 0]))), data)
    write_bad("last", state(("a", tensor("0", 4, shape=[2**62], stride=[2**62]))), data)
    write_bad("claims", state(("a", tensor("0", 5))), data)
    write_bad("two-sizes", state(one, ("b", tensor("0", 3, shape=[3]))), data)
    write_bad("absent", state(("a", tensor("1", 4))), data)
    write_bad("float8", state(("a", tensor("0", 16, "Float8_e4m3fnStorage"))), data)
    # Archives.
    write_bad("big", state(one), data + [("archive/byteorder", b"big")])
    write_bad("script", state(one), data + [("archive/constants.pkl", b"")])
    write_bad("absolute", state(one), data + [("/etc/passwd", b"x")])
    write_bad("parent", state(one), data + [("archive/../../x", b"x")])
    write_bad("twice", state(one), data, start=data)
    write_bad("two-folders", state(one), data + [("b/data.pkl", b"")])
    write_bad("no-folder", state(one), data, folder="a/b")
    write_bad("bzip2", state(one), data, zipfile.ZIP_BZIP2)
    write_bad("bomb", state(("a", tensor("0", 2**23))), [("archive/data/0", bytes(2**25))],
              zipfile.ZIP_DEFLATED)
    write_bad("packed", state(("a", tensor("0", 4)), ("b", tensor("0", 4, shape=[2, 2], stride=[1, 2]))),
              [("archive/data/0", torch.arange(4.0).numpy().tobytes())], zipfile.ZIP_DEFLATED)
    (FOLDER / "bad-packed.pt").rename(FOLDER / "packed.pt")
    overlap()


def overlap():
    """Two members whose bytes are the same ones: the directory says so of the second."""
    name = FOLDER / "bad-overlap.pt"
    write_bad("overlap", state(("a", tensor("0", 4)), ("b", tensor("1", 4))),
              [("archive/data/0", bytes(16)), ("archive/data/1", bytes(16))])
    data = bytearray(name.read_bytes())
    with zipfile.ZipFile(name) as archive:
        places = {info.filename: info.header_offset for info in archive.infolist()}
    # The central directory's entry: its name is 46 bytes behind its beginning, the place 4 before.
    at = data.rindex(b"archive/data/1") - 4
    data[at:at + 4] = places["archive/data/0"].to_bytes(4, "little")
    name.write_bytes(data)


def write_corpus():
    for name in ("module.pt", "packed.pt", "nested.pt", "bad-overlap.pt", "bad-harm-nested.pt", "older.pt"):
        (CORPUS / name).write_bytes((FOLDER / name).read_bytes())
    for name in ("ordered.pt", "protocol4.bin", "lightning.ckpt", "enums2.ckpt", "bad-numpy.pt"):
        with zipfile.ZipFile(FOLDER / name) as archive:
            pickled = next(member for member in archive.namelist() if member.endswith("/data.pkl"))
            (CORPUS / (name.split(".")[0] + ".pkl")).write_bytes(archive.read(pickled))


def main():
    for folder in (FOLDER, CORPUS):
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
    all_of_them = tensors()
    values = {name: t.detach().clone().contiguous() for name, t in all_of_them.items()}
    floats = {name: t.float() if t.is_floating_point() else t for name, t in values.items()}
    save_file(floats, FOLDER / "values.safetensors")
    torch.save(all_of_them, FOLDER / "ordered.pt")
    torch.save(dict(all_of_them), FOLDER / "protocol2.pt", pickle_protocol=2)
    torch.save(dict(all_of_them), FOLDER / "protocol4.bin", pickle_protocol=4)
    torch.save(dict(all_of_them), FOLDER / "protocol5.pth", pickle_protocol=5)
    few = collections.OrderedDict((name, all_of_them[name]) for name in ("f32", "f16", "transposed", "base"))
    torch.save(lightning(few), FOLDER / "lightning.ckpt")
    hyper = {"kinds": [Kind.LINEAR, Kind.cosine, Kind.LINEAR], "nested": Outer.Inner.Kind.A1_B,
             "object": Outer.Inner()}
    for protocol in (2, 4):
        torch.save({"hyper_parameters": hyper, "state_dict": {"f32": few["f32"]}}, FOLDER / f"enums{protocol}.ckpt",
                   pickle_protocol=protocol)
    torch.save({"state_dict": {"f32": few["f32"], "kind": Kind.cosine}}, FOLDER / "bad-enum.pt")
    torch.save({"ema": few, "step": 7, "model": {"inner": {"f32": few["f32"]}}}, FOLDER / "nested.pt")
    network = torch.nn.Linear(2, 2)
    torch.save(network.state_dict(), FOLDER / "module.pt")
    torch.save({"weight": few["f32"]}, FOLDER / "older.pt", _use_new_zipfile_serialization=False)
    buffer = io.BytesIO()
    pickle.dump({"weight": [1.0]}, buffer, 4)
    (FOLDER / "bare.pkl").write_bytes(buffer.getvalue())
    bad()
    write_corpus()


if __name__ == "__main__":
    main()
