"""XMP packets taken apart: each statement with its place, so that the others stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from xml.parsers import expat

Change = tuple[slice, bytes]  # what stands in place of a piece of a document

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
VALUE = (_RDF, "value")  # of a property that has more to it than its value
_CONVENTIONAL = {  # for packets that forget to say what their prefixes mean
    "rdf": _RDF,
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xml": "http://www.w3.org/XML/1998/namespace",
    "xmlns": "http://www.w3.org/2000/xmlns/",
}
_ENCODINGS = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_DEEPEST = 100  # elements within each other; XMP nests about ten
_DECLARATION = re.compile(r"\A\s*<\?xml\s[^>]*\?>")
_TAG = re.compile(rb"""<(?:[^>"']+|"[^"]*"|'[^']*')*>""")
_ATTRIBUTE = re.compile(rb"""\s+[^\s=]+\s*=\s*(?:"[^"]*"|'[^']*')""")


class Property(NamedTuple):
    """An attribute or an element."""

    namespace: str
    name: str
    value: str  # of an element: its own text
    whole: slice  # where it stands; of an attribute with the whitespace before it
    inner: slice  # where its value stands, empty for an element without an end tag
    depth: int  # how many elements it stands in

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name


class _Open(NamedTuple):
    """An element that has not ended yet."""

    name: str
    namespaces: Mapping[str, str]  # by prefix
    start: int
    inner: int
    text: list[str]


def normalized(packet: bytes) -> bytes:
    """A packet of any Unicode encoding in UTF-8, without the bytes 0 that pad some."""
    for encoding in _ENCODINGS:
        if packet.startswith(("<".encode(encoding), "\ufeff".encode(encoding))):
            text = packet.decode(encoding, "replace").removeprefix("\ufeff")
            return _DECLARATION.sub("", text).rstrip("\0").encode()
    return packet.rstrip(b"\0")


def properties(xml: bytes) -> list[Property]:
    """Every attribute and element but the outermost of a document in UTF-8, inner ones first.

    Raises:
        ValueError: it is not well formed, has a DTD, which could make it grow, or nests too deep.
    """
    found: list[Property] = []
    outer: list[_Open] = []
    parser = expat.ParserCreate("utf-8")
    parser.ordered_attributes = True
    parser.buffer_text = True

    def start(name: str, attributes: list[str]) -> None:
        if len(outer) == _DEEPEST:
            raise ValueError("nests too deep")
        at = parser.CurrentByteIndex
        stop = _end(_TAG.match(xml, at))
        names, values = attributes[::2], attributes[1::2]
        namespaces = outer[-1].namespaces if outer else _CONVENTIONAL
        if new := {
            key.removeprefix("xmlns").removeprefix(":"): value
            for key, value in zip(names, values, strict=True)
            if key == "xmlns" or key.startswith("xmlns:")
        }:
            namespaces = {**namespaces, **new}
        places = _ATTRIBUTE.finditer(xml, at, stop)
        for key, value, place in zip(names, values, places, strict=True):
            prefix, _, local = key.rpartition(":")
            namespace = namespaces.get(prefix, prefix) if prefix else ""
            quote = xml[place.end() - 1 : place.end()]
            inner = slice(xml.index(quote, place.start()) + 1, place.end() - 1)
            found.append(
                Property(namespace, local, value, slice(*place.span()), inner, len(outer) + 1)
            )
        outer.append(_Open(name, namespaces, at, stop, []))

    def text(data: str) -> None:
        outer[-1].text.append(data)

    def end(name: str) -> None:
        at = parser.CurrentByteIndex
        this = outer.pop()
        empty = xml[this.inner - 2 : this.inner] == b"/>"
        stop = this.inner if empty else xml.index(b">", at) + 1
        prefix, _, local = name.rpartition(":")
        namespace = this.namespaces.get(prefix, prefix)
        inner = slice(this.inner, this.inner if empty else at)
        if outer:
            whole, value = slice(this.start, stop), "".join(this.text).strip()
            found.append(Property(namespace, local, value, whole, inner, len(outer)))

    parser.StartElementHandler = start
    parser.CharacterDataHandler = text
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    return found


def _refuse(*_: object) -> None:
    raise ValueError("has a DTD")


def _end(match: re.Match[bytes] | None) -> int:
    if match is None:
        raise ValueError("a tag does not end")
    return match.end()


def edited(xml: bytes, changes: Iterable[Change]) -> bytes:
    """The document with pieces replaced; of pieces within each other, only the outer ones."""
    kept, done = [], 0
    for place, new in sorted(changes, key=lambda change: (change[0].start, -change[0].stop)):
        if place.start >= done:
            kept += [xml[done : place.start], new]
            done = place.stop
    return b"".join([*kept, xml[done:]])
