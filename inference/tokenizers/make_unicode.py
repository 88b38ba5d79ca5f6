"""Writes unicode_data.c: what tokenizers need of the Unicode Character Database, from Python's copy of it."""

import sys
import unicodedata

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def ranges(wanted):
    """Code points of these general categories as [first, last] pairs."""
    out = []
    for c in CODE_POINTS:
        if unicodedata.category(chr(c)) in wanted:
            if out and out[-1][1] == c - 1:
                out[-1][1] = c
            else:
                out.append([c, c])
    return out


def class_ranges():
    """Code points of one combining class as [first, last, class]."""
    out = []
    for c in CODE_POINTS:
        k = unicodedata.combining(chr(c))
        if not k:
            continue
        if out and out[-1][1] == c - 1 and out[-1][2] == k:
            out[-1][1] = c
        else:
            out.append([c, c, k])
    return out


def hangul(c):
    return 0xAC00 <= c <= 0xD7A3


def decompositions():
    """Code point and its full canonical decomposition, at most four."""
    for c in CODE_POINTS:
        d = unicodedata.normalize("NFD", chr(c))
        if d != chr(c) and not hangul(c):
            assert len(d) <= 4
            yield c, [ord(x) for x in d] + [0] * (4 - len(d))


def compositions():
    """Pairs that NFC joins, by pair."""
    out = []
    for c in CODE_POINTS:
        parts = unicodedata.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<") and unicodedata.normalize("NFC", chr(c)) == chr(c):
            out.append((int(parts[0], 16), int(parts[1], 16), c))
    return sorted(out)


def lowers():
    for c in CODE_POINTS:
        low = chr(c).lower()
        if low != chr(c):
            assert len(low) <= 2
            yield c, [ord(low[0]), ord(low[1]) if len(low) == 2 else 0]


def table(name, kind, rows):
    rows = list(rows)
    print(f"\nconst struct {kind} {name}[] = {{")
    for row in rows:
        cells = [("{" + ", ".join(f"0x{y:x}" for y in x) + "}") if isinstance(x, list) else f"0x{x:x}" for x in row]
        print("\t{" + ", ".join(cells) + "},")
    print("};")
    print(f"const size_t {name}_n = {len(rows)};")


def main():
    print(f"/* Made by make_unicode.py from Unicode {unicodedata.unidata_version}; do not edit. */")
    print('#include "inference/tokenizers/unicode_data.h"')
    table("unicode_punctuation", "unicode_range", ranges({"Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"}))
    table("unicode_nonspacing", "unicode_range", ranges({"Mn"}))
    table("unicode_other", "unicode_range", ranges({"Cc", "Cf", "Co"}))
    table("unicode_digit", "unicode_range", ranges({"Nd", "Nl", "No"}))
    table("unicode_class", "unicode_class_range", class_ranges())
    table("unicode_lower", "unicode_lower_row", lowers())
    table("unicode_decomposition", "unicode_decomposition_row", decompositions())
    table("unicode_composition", "unicode_composition_row", compositions())


if __name__ == "__main__":
    sys.exit(main())
