"""Makes known/: small pictures and what PIL makes of them, for test_picture.c. Needs pillow and numpy.

Each line of known/cases.txt: file, width, height, shortest, filter, file with the RGB bytes.
"""

import io
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).resolve().parent / "known"


def scene(width: int, height: int, seed: int) -> np.ndarray:
    """A slope of colour, an edge and some noise: what shows a wrong weight or a shifted pixel."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([x * 255 / width, y * 255 / height, 255 - x * 200 / width], -1)
    rgb[(x + 2 * y) % 23 < 5] = (250, 20, 60)
    return np.clip(rgb + rng.normal(0, 12, rgb.shape), 0, 255).astype(np.uint8)


def interlaced(gray: np.ndarray) -> bytes:
    """A gray PNG in seven passes, which PIL does not write."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes for row in gray[y::dy, x::dx])
    head = struct.pack(">IIBBBBB", gray.shape[1], gray.shape[0], 8, 0, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def bring_to_size(image: Image.Image, width: int, height: int, shortest: int, filter_: int) -> Image.Image:
    image = ImageOps.exif_transpose(image).convert("RGB")
    if not shortest:
        return image.resize((width, height), filter_)
    w, h = image.size
    size = (shortest, int(shortest * h / w)) if w <= h else (int(shortest * w / h), shortest)
    image = image.resize(size, filter_)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return image.crop((left, top, left + width, top + height))


def main() -> None:
    OUT.mkdir(exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    cases = []

    def keep(name: str, image: Image.Image | bytes, forms: list[tuple[int, int, int, int]], **options) -> None:
        data = io.BytesIO()
        if isinstance(image, bytes):
            data.write(image)
        else:
            image.save(data, name.rsplit(".")[-1].replace("jpg", "jpeg"), **options)
        (OUT / name).write_bytes(data.getvalue())
        for form in forms:
            again = Image.open(io.BytesIO(data.getvalue()))
            file = f"{name}.{'x'.join(map(str, form))}.rgb"
            (OUT / file).write_bytes(bring_to_size(again, *form).tobytes())
            cases.append(" ".join([name, *map(str, form), file]))

    picture = Image.fromarray(scene(61, 43, 1))
    keep("rgb.png", picture, [(24, 24, 0, 2), (24, 24, 0, 3), (20, 20, 24, 3), (16, 16, 0, 1), (16, 16, 0, 4),
                              (16, 16, 0, 5), (96, 80, 0, 3), (61, 43, 0, 2)])
    keep("gray.png", picture.convert("L"), [(24, 24, 0, 2)])
    keep("palette.png", picture.quantize(16), [(24, 24, 0, 2)])
    keep("bits.png", picture.convert("1"), [(61, 43, 0, 2)])
    alpha = picture.convert("RGBA")
    alpha.putalpha(Image.fromarray(scene(61, 43, 2)[:, :, 0]))
    keep("alpha.png", alpha, [(24, 24, 0, 2)])
    keep("interlaced.png", interlaced(scene(61, 43, 4)[:, :, 1]), [(24, 24, 0, 2)])
    keep("tall.jpg", Image.fromarray(scene(37, 90, 3)), [(28, 28, 32, 3), (24, 24, 0, 2)], quality=90)
    keep("gray.jpg", picture.convert("L"), [(24, 24, 0, 2)], quality=90)
    keep("progressive.jpg", picture, [(24, 24, 0, 2)], quality=85, progressive=True)
    keep("inks.jpg", picture.convert("CMYK"), [(24, 24, 0, 2)], quality=90)
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        keep(f"turned{orientation}.jpg", picture, [(18, 14, 20, 2)], quality=90, exif=exif)
    (OUT / "cases.txt").write_text("\n".join(cases) + "\n")


if __name__ == "__main__":
    main()
