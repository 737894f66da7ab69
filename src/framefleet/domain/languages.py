"""Language codes: requests and files write them in two or three letters, and some languages have two codes of three."""

from __future__ import annotations

import re

_TAG = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*")
_TWO = {
    "af": "afr", "ar": "ara", "be": "bel", "bg": "bul", "bn": "ben", "bs": "bos", "ca": "cat", "cs": "ces", "cy": "cym",
    "da": "dan", "de": "deu", "el": "ell", "en": "eng", "es": "spa", "et": "est", "eu": "eus", "fa": "fas", "fi": "fin",
    "fr": "fra", "ga": "gle", "gl": "glg", "he": "heb", "hi": "hin", "hr": "hrv", "hu": "hun", "hy": "hye", "id": "ind",
    "is": "isl", "it": "ita", "ja": "jpn", "ka": "kat", "kk": "kaz", "ko": "kor", "lt": "lit", "lv": "lav", "mk": "mkd",
    "ml": "mal", "mr": "mar", "ms": "msa", "nl": "nld", "no": "nor", "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus",
    "sk": "slk", "sl": "slv", "sq": "sqi", "sr": "srp", "sv": "swe", "sw": "swa", "ta": "tam", "te": "tel", "th": "tha",
    "tr": "tur", "uk": "ukr", "ur": "urd", "vi": "vie", "zh": "zho",
}  # fmt: skip
_BIBLIOGRAPHIC = {
    "alb": "sqi", "arm": "hye", "baq": "eus", "chi": "zho", "cze": "ces", "dut": "nld", "fre": "fra", "geo": "kat",
    "ger": "deu", "gre": "ell", "ice": "isl", "mac": "mkd", "may": "msa", "per": "fas", "rum": "ron", "slo": "slk",
    "wel": "cym",
}  # fmt: skip

_MACINTOSH = {"sve": "swe"}
"""Codes that FFmpeg has for languages in QuickTime files, and nobody else."""
_IN_MOV = {three: code for code, three in (_BIBLIOGRAPHIC | _MACINTOSH).items() if code != "fre"}


def three_letters(code: str) -> str:
    """The terminological ISO 639-2 code of a language; what we do not know stays as it is, in lower case, without region."""
    plain = code.strip().lower().replace("_", "-").partition("-")[0]
    return _TWO.get(plain) or (_BIBLIOGRAPHIC | _MACINTOSH).get(plain, plain)


def written(code: str, container: str) -> str:
    """The code that keeps a language in this container.

    QuickTime files have a list of their own; FFmpeg drops what it does not find there by the one name it knows. Afrikaans,
    Bosnian, Croatian, Galician, Irish and Serbian cannot be written.
    """
    known = three_letters(code)
    return _IN_MOV.get(known, known) if container == "mov" else known


def shortest(code: str | None) -> str | None:
    """The tag manifests use (RFC 5646 prefers two letters); None for what is no language code: it comes from a file."""
    if code is None or not _TAG.fullmatch(code.strip()):
        return None
    known = three_letters(code)
    return next((two for two, three in _TWO.items() if three == known), known)


def same_language(one: str | None, other: str | None) -> bool:
    """True when both codes are known and mean the same language, whatever the script or region."""
    return one is not None and other is not None and three_letters(one) == three_letters(other)
