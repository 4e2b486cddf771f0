"""QR codes (ISO/IEC 18004) as black modules on paper."""

import numpy as np
from numpy.typing import NDArray
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.lib.colors import black, white
from reportlab.pdfgen.canvas import Canvas

#: Modules of white that a reader needs all round.
QUIET = 4


def qr_modules(text: str) -> NDArray[np.bool_]:
    """Return the modules of the code of a text, True for black, the top row first; at level M."""
    code = QrCodeWidget(text, barLevel="M").qr
    code.make()
    return np.array(code.modules, dtype=bool)


def draw_qr(canvas: Canvas, text: str, x: float, y: float, size: float) -> None:
    """Draw the code of a text with its white rim into a square, lower left at (x, y), in points."""
    modules = qr_modules(text)
    count = len(modules) + 2 * QUIET
    canvas.saveState()
    canvas.translate(x, y)
    canvas.scale(size / count, size / count)
    canvas.setFillColor(white)
    canvas.rect(0, 0, count, count, stroke=0, fill=1)
    canvas.setFillColor(black)
    path = canvas.beginPath()
    for row, line in enumerate(modules):
        # a run of black is one rectangle, so that no hairline shows between its modules
        edges = np.flatnonzero(np.diff(np.concatenate(([0], line.astype(np.int8), [0]))))
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            path.rect(QUIET + start, count - QUIET - row - 1, stop - start, 1)
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.restoreState()
