"""What the colours mean: a bar with ticks, marked at the average."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cadyq_cli.bitmaps.tints import Scale
from cadyq_cli.escaping import escaped
from cadyq_cli.figures.canvas import FINER, Canvas
from cadyq_cli.figures.text import FAINT, INK, text_size

_BAR = 24  # times as wide as the text is high


def legend(scale: Scale, average: float, caption: str, *, size: int) -> Image.Image:
    """A bar of the scale's colours with a caption and the average over it, numbers beneath.

    Args:
        average: In the scale's units; marked on the bar and written at the right.
        size: Height of the text in px, which everything else follows.
    """
    caption, note = escaped(caption), f"average {scale.numbers(average)[0]}"
    ticks = dict.fromkeys(scale.ticks)
    labels = scale.numbers(*ticks)
    words, told = text_size(caption, size)[0], text_size(note, size)[0]
    left = max(size, max(text_size(label, size)[0] for label in labels) // 2 + 1)
    width, line = max(_BAR * size, words + 2 * size + told), max(1, size // 12)
    top, right = int(2.6 * size), left + width
    canvas = Canvas.blank(right + left, top + int(3.2 * size), text=size, line=line)
    canvas.text((left, top - size), caption, "ls")
    canvas.text((right, top - size), note, "rs")

    edge = 1 / FINER  # the last column that is painted
    under = top + size + line
    canvas.rectangle((left - line, top - line), (right + line - edge, under - edge), FAINT)
    canvas.ramp((left, top), scale.colours(np.linspace(scale.low, scale.high, width * FINER)), size)

    def place(value: float) -> float:
        share = float(scale.share(value))
        return left + min(max(share, 0.0), 1.0) * (width - edge)

    for tick, label in zip(ticks, labels, strict=True):
        x = place(tick)
        canvas.line([(x, under), (x, under + size / 4)])
        canvas.text((x, under + size / 3), label, "ma")
    x, half = place(average), 0.36 * size
    canvas.polygon([(x, top), (x - half, top - 1.7 * half), (x + half, top - 1.7 * half)], INK)
    return canvas.image()
