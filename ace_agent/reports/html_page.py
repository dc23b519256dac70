"""What every HTML page shares: the document around its body, and pictures embedded as data URLs.

A page needs no other file: no script, and nothing is fetched.
"""

from __future__ import annotations

import base64
import io
from html import escape

from PIL import Image

from ace_agent.images.files import encode_png


def document(title: str, style: str, body: str) -> str:
    """A whole page.

    Args:
        title: plain text.
        style: CSS.
        body: HTML, whose texts are escaped already.
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def png_url(image: Image.Image) -> str:
    """The image as a data URL, without loss."""
    return _data_url("png", encode_png(image))


def jpeg_url(image: Image.Image, quality: int) -> str:
    """The RGB image as a data URL, of a JPEG."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return _data_url("jpeg", stream.getvalue())


def _data_url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
