"""Give broken and hostile cells and models to skmm, and count what becomes of them.

    python tools/fuzz.py [--n 12000] [--seed 0] [--targets png wav ...] [--keep FOLDER]

Valid files are broken by seeded mutations: flipped bits, cuts, splices, numbers of the
header set to extremes, chunks doubled, with checksums put right so that decoders look
further. Other targets get odd objects as cells. Each input must end in success, in an
absent modality, or in an error of skmm's own; in five seconds, within a gigabyte, in a
process that lives on. An input is a function of the seed, its target and its number:
what fails is printed with these, and its bytes are written to the folder of --keep.

Exits with 1 if anything failed. Linux alone tells the memory of a single input.
"""

from __future__ import annotations

import argparse
import datetime
import decimal
import io
import math
import multiprocessing
import os
import reprlib
import resource
import struct
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import soundfile
from PIL import Image

import skmm
from skmm import exceptions, infer_modalities
from skmm._components import resolve
from skmm.modalities.audio import AudioModality
from skmm.modalities.image import ImageModality

SECONDS = 5.0  # of one input
MEGABYTES = 1024  # beyond those of an idle worker
ADDRESSES = 4 << 30  # bytes of them beyond those of an idle worker
OWN = tuple(vars(exceptions)[name] for name in exceptions.__all__)
ERRORS = tuple(kind for kind in OWN if not issubclass(kind, Warning))

RATE = 8000
RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 0.1, 1200)
COLOURS = RNG.integers(0, 256, (24, 20, 3), dtype=np.uint8)


class Outcome(NamedTuple):
    """What became of one input."""

    kind: str  # success, absent, refused, leaked, hung or crashed
    seconds: float = 0.0
    megabytes: float = 0.0  # beyond those of an idle worker
    note: str = ""


# Valid files, from which broken ones are made.


def image(mode: str, kind: str, **options: Any) -> bytes:
    picture = Image.fromarray(COLOURS)
    if mode in ("I;16", "F"):
        deep = COLOURS[..., 0] * 257.0
        picture = Image.fromarray(deep.astype(np.uint16 if mode[0] == "I" else "f4"))
    elif mode == "LA":
        picture = Image.merge("LA", [picture.convert("L"), picture.getchannel(1)])
    else:
        picture = picture.convert(mode)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def sound(kind: str, subtype: str | None = None, channels: int = 1) -> bytes:
    stream = io.BytesIO()
    samples = np.tile(NOISE[:, np.newaxis], channels)
    soundfile.write(stream, samples, RATE, format=kind, subtype=subtype)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


FRAMES = {"save_all": True, "append_images": [Image.fromarray(COLOURS[::-1])] * 2}
FILES: dict[str, Callable[[], list[bytes]]] = {
    "png": lambda: [
        *(image(mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        image("P", "PNG", transparency=3),
        image("RGB", "PNG", exif=exif(6), icc_profile=bytes(500), dpi=(72, 72)),
        image("RGB", "PNG", **FRAMES),
    ],
    "jpeg": lambda: [
        *(image(mode, "JPEG") for mode in ("L", "RGB", "CMYK")),
        image("RGB", "JPEG", progressive=True, exif=exif(5)),
        image("RGB", "MPO", **FRAMES),
    ],
    "gif": lambda: [
        image("P", "GIF", transparency=1),
        image("L", "GIF"),
        image("P", "GIF", **FRAMES),
    ],
    "webp": lambda: [
        image("RGB", "WEBP"),
        image("RGBA", "WEBP", lossless=True),
        image("RGB", "WEBP", exif=exif(3), **FRAMES),
    ],
    "bmp": lambda: [image(mode, "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")],
    "tiff": lambda: [
        *(image(mode, "TIFF") for mode in ("1", "L", "P", "RGB", "CMYK", "I;16", "F")),
        image("RGB", "TIFF", compression="tiff_lzw"),
        image("RGB", "TIFF", compression="tiff_adobe_deflate", big_tiff=True),
        image("RGB", "TIFF", compression="jpeg"),
        image("1", "TIFF", compression="group4"),
        image("RGB", "TIFF", **FRAMES),
    ],
    "ppm": lambda: [
        *(image(mode, "PPM") for mode in ("1", "L", "RGB", "F")),
        b"P3\n2 2\n255\n0 1 2 3 4 5 6 7 8 9 10 255\n",
    ],
    "jpeg2000": lambda: [
        image("RGB", "JPEG2000"),
        image("L", "JPEG2000", no_jp2=True),
    ],
    "avif": lambda: [image("RGB", "AVIF", speed=10), image("RGBA", "AVIF", speed=10)],
    "wav": lambda: [
        *(sound("WAV", kind) for kind in ("PCM_16", "PCM_U8", "PCM_24", "FLOAT")),
        *(sound("WAV", kind) for kind in ("DOUBLE", "ULAW", "IMA_ADPCM", "GSM610")),
        sound("WAV", "PCM_16", channels=2),
        sound("WAVEX", "PCM_16", channels=6),
        sound("RF64"),
    ],
    "flac": lambda: [sound("FLAC"), sound("FLAC", "PCM_24", channels=2)],
    "ogg": lambda: [sound("OGG"), sound("OGG", "OPUS", channels=2)],
    "mp3": lambda: [sound("MP3"), sound("MP3", channels=2)],
    "other sounds": lambda: [
        sound(kind)
        for kind in "AIFF AU CAF W64 VOC NIST SVX IRCAM PVF HTK MAT4 MAT5 PAF SDS AVR "
        "MPC2K WVE".split()
    ],
}
SOUNDS = ("wav", "flac", "ogg", "mp3", "other sounds")


# Mutations.

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF)
EXTREMES += (0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


def flip(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> bytearray:
    for place in rng.integers(0, len(data), rng.integers(1, 17)):
        data[place] ^= 1 << rng.integers(8)
    return data


def cut(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> bytearray:
    return data[: rng.integers(len(data))]


def splice(data: bytearray, rng: np.random.Generator, many: list[bytes]) -> bytearray:
    other = many[rng.integers(len(many))]
    return data[: rng.integers(len(data))] + other[rng.integers(len(other)) :]


def scribble(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> bytearray:
    start = rng.integers(len(data))
    data[start : start + rng.integers(1, 40)] = rng.bytes(rng.integers(1, 40))
    return data


def repeat(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> bytearray:
    start, stop = np.sort(rng.integers(0, len(data), 2))
    times = int(rng.choice([2, 3, 50], p=[0.5, 0.4, 0.1]))
    return data[:start] + data[start:stop] * times + data[stop:]


def extreme(data: bytearray, rng: np.random.Generator, _: list[bytes]) -> bytearray:
    """Set a number, most often of the header, to one that nobody expects."""
    width = int(rng.choice([1, 2, 4, 8]))
    end = min(len(data), 80) if rng.random() < 0.8 else len(data)
    start = int(rng.integers(end))
    number = EXTREMES[rng.integers(len(EXTREMES))] & (1 << 8 * width) - 1
    order = "little" if rng.random() < 0.5 else "big"
    data[start : start + width] = number.to_bytes(width, order)
    return data


MUTATIONS = (flip, cut, splice, scribble, repeat, extreme, extreme)


def mutated(many: list[bytes], rng: np.random.Generator) -> bytes:
    """Break one file of many, once or a few times."""
    data = bytearray(many[rng.integers(len(many))])
    for _ in range(rng.choice([1, 1, 2, 4])):
        data = MUTATIONS[rng.integers(len(MUTATIONS))](data, rng, many) or bytearray(1)
    return bytes(data)


def png_mended(data: bytes, rng: np.random.Generator) -> bytes:
    """Break inside the chunks of a PNG file, and put their checksums right."""
    chunks, place = [], 8
    while place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        chunks.append([data[place + 4 : place + 8], data[place + 8 : place + 8 + size]])
        place += 12 + size
    chosen = int(rng.integers(len(chunks)))
    if rng.random() < 0.3:
        chunks.insert(int(rng.integers(len(chunks))), list(chunks[chosen]))
    elif chunks[chosen][0] == b"IDAT" and rng.random() < 0.5:
        chunks[chosen][1] = zlib.compress(bytes(int(rng.integers(1, 10**6))))
    elif chunks[chosen][1]:
        chunks[chosen][1] = mutated([bytes(chunks[chosen][1])], rng)
    body = b""
    for name, held in chunks:
        check = zlib.crc32(name + held)
        body += struct.pack(">I", len(held)) + name + held + struct.pack(">I", check)
    return data[:8] + body


@cache
def ogg_table() -> list[int]:
    table = []
    for byte in range(256):
        rest = byte << 24
        for _ in range(8):
            rest = (rest << 1 ^ (0x04C11DB7 if rest >> 31 else 0)) & 0xFFFFFFFF
        table.append(rest)
    return table


def ogg_mended(data: bytes, rng: np.random.Generator) -> bytes:
    """Break an OGG file, and put the checksums of its pages right."""
    pages = [b"OggS" + page for page in data.split(b"OggS")[1:]]
    chosen = int(rng.integers(len(pages)))
    pages[chosen] = pages[chosen][:27] + mutated([pages[chosen][27:] or b"\0"], rng)
    mended = b""
    for page in pages:
        page = page[:22] + bytes(4) + page[26:]
        check = 0
        for byte in page:
            check = (check << 8 & 0xFFFFFFFF) ^ ogg_table()[check >> 24 ^ byte]
        mended += page[:22] + struct.pack("<I", check) + page[26:]
    return mended


def zip_mended(data: bytes, rng: np.random.Generator) -> bytes:
    """Break one member of an archive, and pack it anew."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    chosen = int(rng.integers(len(members)))
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore", UserWarning)  # of a name that stands twice
        for i, (info, held) in enumerate(members):
            broken = mutated([held or b"\0"], rng) if i == chosen else held
            for _ in range(1 + (i == chosen and rng.random() < 0.1)):
                archive.writestr(info, broken)
    return stream.getvalue()


MENDED = {"png": png_mended, "ogg": ogg_mended, "load": zip_mended}


@cache
def valid(target: str) -> list[bytes]:
    return saved_models() if target == "load" else FILES[target]()


def broken_file(target: str, rng: np.random.Generator) -> bytes:
    many = valid(target)
    if target in MENDED and rng.random() < 0.5:
        return MENDED[target](many[rng.integers(len(many))], rng)
    return mutated(many, rng)


# Odd objects.


def number(rng: np.random.Generator) -> Any:
    odd = [0, -1, 1.5, math.nan, math.inf, -math.inf, 1e308, -1e39, 5e-324, 2**63]
    odd += [10**400, 10**5000, True, None, pd.NA, pd.NaT, np.float16(7), 1j]
    odd += [np.int8(-128), np.uint64(2**64 - 1), np.longdouble("1e4000"), np.bool_(1)]
    odd += [decimal.Decimal("1e9999"), decimal.Decimal("sNaN"), decimal.Decimal("0.1")]
    odd += [datetime.date(1, 1, 1), datetime.datetime.max, datetime.timedelta.max]
    odd += [np.datetime64("NaT"), np.datetime64(2**62, "s"), np.timedelta64(2**62, "D")]
    odd += [pd.Timestamp.max, pd.Period("2020-01"), pd.Interval(0, 1)]
    return odd[rng.integers(len(odd))] if rng.random() < 0.6 else rng.normal()


def text(rng: np.random.Generator) -> str:
    odd = ["\0", "\ud800", "\ufdfa", "a\u0301", "\u0315\u0300", "[MASK]", "İ", "Σ", "'"]
    odd += [
        "1,5",
        "1e400",
        "0x1",
        "2024-13-45",
        "2024-01-31T25:00",
        "9999-12-31",
        "nan",
    ]
    odd += ["http://127.0.0.1/x.png", "file:///etc/passwd", "../../../etc/passwd"]
    odd += ["/dev/zero", "/dev/stdin", ".", "x.png", "C:\\x", "\\\\host\\x", "\n"]
    odd += ["\U0001d518", "\u6f22", "\u0e01\u0e47", "\u202e", "{}", "%s%n", "-"]
    odd += ["${jndi:x}", "__import__('os').abort()"]
    if rng.random() < 0.3:
        codes = rng.integers(0, 0x3000, rng.integers(0, 50))
        return "".join(map(chr, codes))
    pieces = rng.choice(odd, rng.integers(1, 5)).tolist()
    return "".join(pieces) * int(
        rng.choice([1, 2, 100, 20_000], p=[0.6, 0.2, 0.1, 0.1])
    )


def nested(rng: np.random.Generator, depth: int = 3) -> Any:
    if depth and rng.random() < 0.7:
        held = [nested(rng, depth - 1) for _ in range(rng.integers(0, 6))]
        kinds = (
            list,
            list,
            tuple,
            lambda items: {"array": items, "sampling_rate": 8000},
        )
        return kinds[rng.integers(len(kinds))](held)
    return number(rng) if rng.random() < 0.8 else text(rng)


def array(rng: np.random.Generator) -> Any:
    shape = tuple(rng.integers(0, 7, rng.integers(0, 5)))
    kinds = [
        "u1",
        "i1",
        "i8",
        "u8",
        "f2",
        "f4",
        "f8",
        "g",
        "?",
        "c8",
        "M8[s]",
        "U3",
        "S2",
    ]
    kind = kinds[rng.integers(len(kinds))]
    values = rng.normal(0, 10.0 ** rng.integers(0, 300), shape)
    if rng.random() < 0.3:
        values = np.where(rng.random(shape) < 0.2, np.nan, values)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return values.astype(kind)


def endless(rng: np.random.Generator) -> Any:
    """Make lists that hold themselves, or one list so often that nobody can count."""
    if rng.random() < 0.5:
        itself: list = []
        itself += [itself] * int(rng.integers(1, 3))
        return itself
    held: Any = [1.0]
    for _ in range(rng.integers(10, 60)):
        held = [held] * int(rng.integers(1, 4))
        if rng.random() < 0.05:
            held = [[None, held], [[0.0], held], [held[0], held]][rng.integers(3)]
    return {"array": held, "sampling_rate": 8000} if rng.random() < 0.3 else held


def odd_object(rng: np.random.Generator) -> Any:
    makers: list[Callable] = [number, text, text, nested, nested, array, array]
    others = [set(), {}, {"bytes": None, "path": 3}, object(), Ellipsis, b"", range(9)]
    others += [
        memoryview(b"abcdef")[::2],
        pd.Series([1, 2]),
        Path("x.png"),
        Path(os.sep),
    ]
    others += [{"path": {"path": "x"}}, {1: 2}, pd.DataFrame({"a": [1]}), float, len]
    makers += [endless, lambda rng: others[rng.integers(len(others))]]
    return makers[rng.integers(len(makers))](rng)


GOOD_CELLS: dict[str, list] = {
    "series": [[1.0, 2.0, 3.0], [4.0, 5.0]],
    "text": ["mild fever", "no fever, no cough"],
    "words of letters": ["mild fever", "no fever, no cough"],
    "vector": [[1.0, 2.0], [3.0, 4.0]],
    "tabular": [1.5, 2.5],
    "categories": ["red", "blue"],
    "dates": ["2024-01-31", "2024-02-01"],
    "image objects": [COLOURS, COLOURS[..., 0]],
    "audio objects": [{"array": NOISE, "sampling_rate": RATE}] * 2,
}
OF_OBJECTS = {
    "series": "timeseries",
    "text": "text",
    "vector": "vector",
    "tabular": "tabular",
    "categories": "tabular",
    "dates": "tabular",
    "image objects": "image",
    "audio objects": "audio",
}


def saved_models() -> list[bytes]:
    """Write models of skmm as files."""
    X = pd.DataFrame({"age": [1.0, 2, 3, 4] * 3, "note": ["a b", "c d", "a d", ""] * 3})
    model = skmm.MultimodalClassifier(epochs=1, ensemble_size=1, random_state=0)
    model.fit(X, [0, 1] * 6)
    found = []
    for one in (model, skmm.ModalityTransformer().fit(X)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.skmm")
            skmm.save(one, path)
            found.append(path.read_bytes())
    return found


TARGETS = [*FILES, *GOOD_CELLS, "infer"] + ["load"] * ("load" in skmm.__all__)


def random_of(seed: int, target: str, i: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(target.encode()), i])


def made(seed: int, target: str, i: int) -> Any:
    """Make one input: always the same one."""
    rng = random_of(seed, target, i)
    if target in FILES or target == "load":
        return broken_file(target, rng)
    return odd_object(rng)


# What is done with an input, in a worker.


@cache
def modality(target: str) -> Any:
    if target in FILES:
        return AudioModality(RATE) if target in SOUNDS else ImageModality(size=8)
    if target == "audio objects":
        return AudioModality(RATE)
    if target == "words of letters":
        return resolve("modality", "text").set_params(char_range=(2, 4), min_df=1)
    return resolve("modality", OF_OBJECTS[target])


@cache
def good(target: str) -> tuple[Any, list]:
    """Give a fitted modality, and the cells that it was fitted on."""
    cells = list(valid(target)[:2]) if target in FILES else GOOD_CELLS[target]
    frame = pd.DataFrame({"cell": pd.Series(cells, dtype=object)})
    return resolve("modality", modality(target)).fit(frame), cells


def judge(target: str, cell: Any, i: int, folder: str) -> str:
    """Let skmm read one input, in one of several ways; tell what came of it."""
    if target == "load":
        path = Path(folder, "model.skmm")
        path.write_bytes(cell)
        skmm.load(path)
        return "success"
    if target in FILES and i % 4 == 3:
        path = Path(folder, "cell.bin")
        path.write_bytes(cell)
        cell = str(path)
    if target == "infer":
        infer_modalities(pd.DataFrame({"cell": pd.Series([cell, cell], dtype=object)}))
        return "success"
    on_error = "raise" if i % 2 else "missing"
    fitted, cells = good(target)
    is_new, is_alone = i % 8 < 3, i % 16 < 2
    column = [cell] if is_alone else [cells[0], cell, cells[1]]
    frame = pd.DataFrame({"cell": pd.Series(column, dtype=object)})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if is_new:
            fitted = resolve("modality", modality(target)).fit(frame, on_error=on_error)
        array, present = fitted.transform(frame, on_error=on_error)
    kinds = [warning.category for warning in caught]
    at = 0 if is_alone else 1
    if set(kinds) - {exceptions.MissingModalityWarning} or len(kinds) > 1:
        raise AssertionError(f"warnings: {[str(w.message)[:200] for w in caught]}")
    if not is_new and not is_alone and not present[[0, 2]].all():
        raise AssertionError("a good cell is absent")
    if not present[at] and np.any(array[at] != 0):
        raise AssertionError("an absent cell has values")
    return "success" if present[at] else "refused" if kinds else "absent"


def memory(field: str) -> float:
    """Megabytes of this process: VmRSS now, VmHWM at most since `forget_peak`."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if field in line).split()[1]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak() -> None:
    if os.path.exists("/proc/self/clear_refs"):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def tried(target: str, cell: Any, i: int, folder: str, log: Any) -> Outcome:
    """Try one input; its memory is what the process holds at most in the meantime."""
    forget_peak()
    start, said, note = time.perf_counter(), log.seek(0, 2), ""
    try:
        kind = judge(target, cell, i, folder)
    except ERRORS as error:
        kind, _ = "refused", str(error)  # which must not fail
    except BaseException as error:
        kind, note = "leaked", f"{type(error).__name__}: {str(error)[:300]}"
    seconds = time.perf_counter() - start
    log.seek(said)
    if b"Traceback" in log.read():
        kind, note = "leaked", "a traceback was printed"
    return Outcome(kind, seconds, memory("VmHWM"), note)


def work(pipe: Any, target: str, seed: int) -> None:
    """Try the inputs that are asked for, one by one."""
    log = tempfile.TemporaryFile()
    for stream in (1, 2):  # decoders print
        os.dup2(log.fileno(), stream)
    with tempfile.TemporaryDirectory() as folder:
        if target in GOOD_CELLS:
            good(target)
        elif target != "infer":  # imports what it needs
            tried(target, valid(target)[0], 0, folder, log)
        idle = memory("VmRSS")
        if sys.platform == "linux":
            limit = int(memory("VmSize") * 2**20) + ADDRESSES
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        pipe.send("ready")
        while (i := pipe.recv()) is not None:
            outcome = tried(target, made(seed, target, i), i, folder, log)
            pipe.send(outcome._replace(megabytes=outcome.megabytes - idle))


# What watches the workers.


class Worker:
    """A process that tries inputs of one target."""

    def __init__(self, target: str, seed: int):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, target, seed))
        self.process.start()
        theirs.close()
        if not self.pipe.poll(300) or self.pipe.recv() != "ready":
            raise RuntimeError(f"the worker of {target} does not start")

    def ask(self, i: int) -> Outcome:
        """Let it try one input."""
        self.pipe.send(i)
        try:
            if self.pipe.poll(SECONDS):
                return self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            return Outcome("crashed", note=f"exit code {self.process.exitcode}")
        self.process.kill()
        self.process.join()
        return Outcome("hung", SECONDS, note=f"more than {SECONDS:g} s")

    def end(self) -> None:
        """Stop it."""
        if self.process.is_alive():
            self.pipe.send(None)
            self.process.join(30)
        self.process.kill()


def outcomes(target: str, n: int, seed: int) -> Iterator[Outcome]:
    worker = Worker(target, seed)
    for i in range(n):
        outcome = worker.ask(i)
        if outcome.megabytes > MEGABYTES:
            outcome = outcome._replace(kind="too large")
        yield outcome
        if outcome.kind in ("hung", "crashed"):
            worker.end()
            worker = Worker(target, seed)
    worker.end()


def keep(folder: str | None, seed: int, target: str, i: int) -> str:
    """Write down an input that failed."""
    if not folder:
        return ""
    cell = made(seed, target, i)
    if not isinstance(cell, bytes):
        cell = reprlib.repr(cell).encode("utf-8", "replace")
    path = Path(folder, f"{target.replace(' ', '_')}-{seed}-{i}.bin")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cell)
    return f" -> {path}"


COLUMNS = ("success", "absent", "refused", "leaked", "too large", "hung", "crashed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=12_000, help="inputs, of all targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=TARGETS)
    parser.add_argument("--keep", help="folder for inputs that fail")
    options = parser.parse_args()
    each = -(-options.n // len(options.targets))
    head = "".join(f"{name:>10}" for name in ("inputs", *COLUMNS, "longest", "memory"))
    print(f"seed {options.seed}, {each} inputs of each target\n{'target':<17}{head}")
    total: Counter[str] = Counter()
    for target in options.targets:
        counts: Counter[str] = Counter()
        seconds = megabytes = 0.0
        for i, outcome in enumerate(outcomes(target, each, options.seed)):
            counts[outcome.kind] += 1
            seconds = max(seconds, outcome.seconds)
            megabytes = max(megabytes, outcome.megabytes)
            if outcome.kind in COLUMNS[3:]:
                where = keep(options.keep, options.seed, target, i)
                print(f"  {outcome.kind}: {target} {i}: {outcome.note}{where}")
        cells = "".join(f"{counts[name]:>10}" for name in COLUMNS)
        sizes = f"{seconds:>8.2f} s{megabytes:>7.0f} MB"
        print(f"{target:<17}{each:>10}{cells}{sizes}", flush=True)
        total += counts
    failed = sum(total[name] for name in COLUMNS[3:])
    print(f"{sum(total.values())} inputs, seed {options.seed}: {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
