"""Pictures of digits, drawn with the fonts that come with matplotlib, and bent like handwriting.

Each picture has 24 by 24 points from 0 (paper) to 1 (ink). A digit is drawn large, then turned,
slanted, stretched, shifted and warped at random, as thick or thin as chance wants it, with a little
noise. The fonts of "validation" and "test" are families that "train" does not hold, so that a model
must know the digits, and not the fonts.

>>> pictures, digits = sample(3, seed=0)
>>> pictures.shape, digits.shape
(torch.Size([3, 24, 24]), torch.Size([3]))
"""

from functools import cache
from pathlib import Path

import torch
from torch.nn import functional as F

from helpers.limits import check_whole

SIDE, LARGE = 24, 48
FONTS = {
    "train": [
        *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
        *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
        *("cmr10", "cmb10", "cmss10", "cmtt10"),
    ],
    "validation": [f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")],
    "test": [f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")],
}


@cache
def glyphs(split: str) -> torch.Tensor:
    """Every digit in every font of a split, upright and centered: (fonts, 10, 48, 48).

    Raises ValueError for an unknown split.
    """
    if split not in FONTS:
        raise ValueError(f"split is {split!r}; it must be one of {', '.join(FONTS)}")
    return torch.stack(
        [torch.stack([_glyph(font, d) for d in "0123456789"]) for font in FONTS[split]]
    )


def _glyph(font, digit):
    import matplotlib
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    canvas = Image.new("L", (4 * LARGE, 4 * LARGE))
    ImageDraw.Draw(canvas).text(
        (LARGE, LARGE), digit, 255, ImageFont.truetype(str(path), 2 * LARGE)
    )
    ink = canvas.crop(canvas.getbbox())
    scale = 0.72 * LARGE / ink.height
    ink = ink.resize((max(1, round(ink.width * scale)), round(0.72 * LARGE)))
    page = Image.new("L", (LARGE, LARGE))
    page.paste(ink, ((LARGE - ink.width) // 2, (LARGE - ink.height) // 2))
    return torch.from_numpy(np.array(page, dtype=np.float32) / 255)


def sample(n: int, seed: int, split: str = "train") -> tuple[torch.Tensor, torch.Tensor]:
    """Draw n pictures (n, 24, 24) and their digits (n,); the same seed gives the same ones.

    Raises ValueError for an unknown split and for n below 0.
    """
    check_whole("n", n, least=0)
    generator = torch.Generator().manual_seed(seed)
    known = glyphs(split)
    fonts = torch.randint(len(known), (n,), generator=generator)
    digits = torch.randint(10, (n,), generator=generator)
    return _bent(known[fonts, digits], generator), digits


def _bent(pictures, generator):
    """Each picture turned, slanted, stretched, shifted, warped, made thinner or thicker."""
    n = len(pictures)

    def between(low, high, *shape):
        return low + (high - low) * torch.rand(n, *shape, generator=generator)

    angle, slant = between(-0.3, 0.3), between(-0.3, 0.3)
    across, down = between(0.85, 1.3), between(0.85, 1.3)
    move = between(-0.15, 0.15, 2)
    row = torch.stack([across * angle.cos(), across * (slant - angle.sin()), move[:, 0]], dim=-1)
    column = torch.stack([down * angle.sin(), down * angle.cos(), move[:, 1]], dim=-1)
    grid = F.affine_grid(torch.stack([row, column], 1), [n, 1, SIDE, SIDE], align_corners=False)
    warp = F.interpolate(between(-0.22, 0.22, 2, 4, 4), SIDE, mode="bicubic", align_corners=True)
    thick = F.max_pool2d(pictures[:, None], 3, stride=1, padding=1)
    share = between(0, 1, 1, 1, 1)
    inked = share * thick + (1 - share) * pictures[:, None]
    seen = F.grid_sample(inked, grid + warp.permute(0, 2, 3, 1), align_corners=False)[:, 0]
    return (seen + 0.1 * torch.randn(n, SIDE, SIDE, generator=generator)).clamp(0, 1)
