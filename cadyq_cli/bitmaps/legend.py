"""What the colours mean: a bar with ticks, marked at the average."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from cadyq_cli.bitmaps.tints import Scale
from cadyq_cli.escaping import escaped
from cadyq_cli.figures.text import FAINT, INK, PAPER, font, text_size

_BAR = 24  # times as wide as the text is high
_FINE = 2  # drawn so many times as large and reduced, for smooth edges


def legend(scale: Scale, average: float, caption: str, *, size: int) -> Image.Image:
    """A bar of the scale's colours with a caption and the average over it, numbers beneath.

    Args:
        average: In the scale's units; marked on the bar and written at the right.
        size: Height of the text in px, which everything else follows.
    """
    caption, size = escaped(caption), size * _FINE
    note = f"average {scale.numbers(average)[0]}"
    ticks = dict.fromkeys(scale.ticks)
    labels = scale.numbers(*ticks)
    words, told = text_size(caption, size)[0], text_size(note, size)[0]
    pad = max(size, max(text_size(label, size)[0] for label in labels) // 2 + 1)
    bar_width, bar_height = max(_BAR * size, words + 2 * size + told), size
    top = int(2.6 * size)
    image = Image.new("RGB", (bar_width + 2 * pad, top + int(3.2 * size)), PAPER)
    draw = ImageDraw.Draw(image)
    baseline = top - size
    draw.text((pad, baseline), caption, font=font(size), fill=INK, anchor="ls")
    draw.text((pad + bar_width, baseline), note, font=font(size), fill=INK, anchor="rs")

    ramp = scale.colours(np.linspace(scale.low, scale.high, bar_width))
    bar = Image.fromarray(np.broadcast_to(ramp, (bar_height, *ramp.shape)).copy())
    image.paste(bar, (pad, top))
    line = max(_FINE, size // 12)
    frame = (pad - line, top - line, pad + bar_width + line - 1, top + bar_height + line - 1)
    draw.rectangle(frame, outline=FAINT, width=line)

    def place(value: float) -> float:
        share = float(scale.share(value))
        return pad + min(max(share, 0.0), 1.0) * (bar_width - 1)

    under = top + bar_height + line
    for tick, label in zip(ticks, labels, strict=True):
        x = place(tick)
        draw.line((x, under, x, under + size // 4), fill=INK, width=line)
        where = (x, under + size // 3)
        draw.text(where, label, font=font(size), fill=INK, anchor="ma")
    x, half = place(average), 0.36 * size
    draw.polygon([(x, top), (x - half, top - 1.7 * half), (x + half, top - 1.7 * half)], INK)
    return image.reduce(_FINE)
