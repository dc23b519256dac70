"""Clauses that change a picture's shape, size or edge: turn, flip, straighten, resize, crop, canvas and frame."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ace_agent.errors import PlanError
from ace_agent.planner.rules import amounts
from ace_agent.planner.rules.tones import thing

if TYPE_CHECKING:
    from ace_agent.plan import Region


@dataclass(frozen=True)
class Operation:
    """An operation that a clause asks for.

    Args:
        task: catalogue id, of the family "operations".
        options: as the step holds them.
        region: the half or part of the picture that it is limited to.
        limit: the object in the picture that it is limited to, in the user's words.
        inverted: whether `limit` names what stays unchanged.
    """

    task: str
    options: dict[str, Any] = field(default_factory=dict)
    region: Region | None = None
    limit: str = ""
    inverted: bool = False

    @property
    def mask(self) -> Region | None:
        """The part of the picture that it is limited to."""
        from ace_agent.plan import Region

        words = region_words(self.limit)
        if self.region is not None or not words:
            return self.region
        return Region(words=words, inverted=self.inverted)


_LEADS = re.compile(
    r"^.*\b(?:crop|recrop|zoom|cut)\w*\b.*?\b(?:around|on|onto|to|so|only|just|in on|with only|until) +"
)
_AFTER = re.compile(
    r"(?:[,.;!?@]| (?:in|on|of|from) (?:it|this|that|@|picture)\b| (?:is|are|please|so|and|as) ).*$"
)


def region_words(text: str) -> str:
    """What a limit names, without the words around it: "the dog" of "crop it tightly around the dog, please"."""
    words = _AFTER.sub("", _LEADS.sub("", text.strip()))
    words = " ".join(words.split()[:6]).strip(" \"'")
    return words if words not in ("", "something", "it", "that", "this", "them") else ""


_NOUNS = frozenset(
    [
        "picture",
        "image",
        "photo",
        "photograph",
        "shot",
        "scan",
        "slide",
        "snapshot",
        "canvas",
        "frame",
        "whole",
        "entire",
        "lot",
    ]
)
_NOT_THE_PICTURE = frozenset(
    {"him", "her", "them", "his", "their", "its", "my", "your", "the", "a", "an", "some", "both"}
)


def _on_picture(text: str, verbs: str) -> bool:
    """Whether a verb's object is the picture: "rotate it", "rotate the photo", "rotate by 90 degrees"."""
    words = text.replace(",", " ").split()
    known = verbs.split("|")
    at = next((n for n, word in enumerate(words) if word in known), None)
    if at is None:
        return False
    rest = words[at + 1 :]
    rest = rest[1:] if rest[:1] in (["up"], ["just"], ["only"], ["back"]) else rest
    if not rest or rest[0] not in _NOT_THE_PICTURE:
        return True
    return len(rest) > 1 and rest[1] in _NOUNS


def rotate(text: str, size: tuple[int, int] | None) -> Operation | None:
    verbs = r"rotate|rotated|rotating|turn|turned|spin|tilt|twist|flip|put"
    plain = re.search(r"\b(?:rotate[d]?|rotation)\b", text)
    angle = re.search(r"(?<![\w.])(-?\d{1,3}(?:\.\d+)?) ?(?:°|degrees?|deg)", text)
    quarter = re.search(
        r"\b(?:quarter|90) (?:of )?(?:a )?turn|\bquarter (?:clockwise|anti|counter|to the (?:left|right))|\bsideways\b"
        r"|\bon its side\b",
        text,
    )
    half = re.search(
        r"\bupside down\b|\bon its head\b|\bhalf (?:a )?turn\b|\bwrong way up\b|\bother way up\b", text
    )
    clock = re.search(r"\b(anti|counter)? ?(?:clock ?wise)\b", text)
    bare = re.search(
        r"\b(?:spin|turn|rotate) @ (?:by )?-?(90|180|270)$|\b(?:should|must|needs? to|has to"
        r"|ought to) be upside down\b",
        text,
    )
    away = re.search(
        r"\b(?:turn|rotate|spin) @ (?:a bit |slightly )?(?:round )?(?:to the |to )?(?:left|right)$", text
    )
    if not (plain or angle or quarter or half or clock or away or bare) or not re.search(
        r"\b(?:rotate|rotated|rotating|turn|turned|spin|tilt|twist|flip|put|quarter|half)\b|^@"
        r"|^-?\d",
        text,
    ):
        return None
    if re.search(
        r"\b(?:head|hands?|horizon|straight|straighten|level|facing|to face|towards?|so that)\b", text
    ) or not (bare or _on_picture(text, verbs)):
        return None
    if half and re.search(r"\bflip|\bmirror", text):
        return Operation("flip", {"direction": "vertical"})
    if half and not angle:
        return Operation("rotate", {"degrees": 180.0})
    if not (plain or angle or quarter or clock or away or bare):
        return None
    if re.search(r"\b(?:hue|colou?rs?)\b", text):
        return None
    value = amounts.number(text) if (plain or bare) and not angle else float(angle[1]) if angle else None
    degrees = value if value is not None and abs(value) <= 360 else 90.0
    if value is None and re.search(r"\b(?:bit|slightly|little)\b", text):
        degrees = 5.0
    back = (clock and clock[1]) or re.search(r"\b(?:anti|counter) ?clock", text)
    left = re.search(r"\b(?:to the left|left|leftwards?)\b", text) and not clock
    return Operation("rotate", {"degrees": float(-degrees if back or left else degrees)})


_LEVEL = re.compile(
    r"\b(?:level|fix|correct|straighten)\b.{0,20}\b(?:horizons?|verticals?|lines?|tilt|perspective)\b"
    r"|\b(?:horizons?|verticals?|lines?|tilt|perspective)\b.{0,20}\b(?:straight|level|upright"
    r"|horizontal)\b"
    r"|\b(?:make|put|get|set|hang) @ (?:straight|level|upright|horizontal)\b"
    r"|^straight\b|^(?:level|upright)$|^level @$"
    r"|(?:@|scan|photo|picture|horizon) (?:is |looks |hangs |'s |a |bit |little |so |all )*"
    r"(?:crooked|tilted|wonky|skewed|slanted|askew)\b"
)


def straighten(text: str, size: tuple[int, int] | None) -> Operation | None:
    if not _on_picture(text, "straighten|deskew|unskew") and not _LEVEL.search(text):
        return None
    found = re.search(r"(?<![\w.])(-?\d{1,2}(?:\.\d+)?) ?(?:°|degrees?|deg)", text)
    if not found:
        return Operation("straighten", {})
    degrees = min(float(found[1]), 45.0)
    left = re.search(r"\bleft|anti|counter", text)
    leans = re.search(r"\b(?:hangs?|leans?|tilted|off|is|crooked)\b", text)
    if left:
        degrees = degrees if leans else -degrees
    elif leans and re.search(r"\bright\b", text):
        degrees = -degrees
    return Operation("straighten", {"degrees": degrees})


def flip(text: str, size: tuple[int, int] | None) -> Operation | None:
    verbs = "flip|flipped|mirror|mirrored|reverse"
    axis = re.search(
        r"\b(?:horizontal(?:ly)?|vertical(?:ly)?|left to right|left and right|top to bottom"
        r"|upside down)\b",
        text,
    )
    acts = re.search(
        r"(?:^|(?:make|want|have|turn|get|and|please|it|@) )(?:flip|mirror) (?:@|it|this|that"
        r"|the (?:whole|entire|picture|image|photo)|everything)|"
        r"^(?:flip|mirror)$|\b(?:flip|flipped|mirrored?) (?:@ )?(?:horizontal|vertical|left|upside"
        r"|top|around the)|\b(?:horizontal|vertical) (?:flip|mirror)\b"
        r"|@ (?:is )?(?:mirrored|flipped|backwards?)$|\bmirror image of @"
        r"|\bmake @ (?:a mirror image|mirrored|flipped)\b|\bswap left and right\b",
        text,
    )
    if not acts or (
        re.search(r"\b(?:flip|flipped|mirror|mirrored|reverse)\b", text) and not _on_picture(text, verbs)
    ):
        return None
    down = axis and axis[0] in ("vertical", "vertically", "top to bottom", "upside down")
    return Operation("flip", {"direction": "vertical" if down else "horizontal"})


def upscale(text: str, size: tuple[int, int] | None) -> Operation | None:
    if re.search(r"\b(?:to the|on the|at the|left|right|top|bottom|sky|view|canvas|eyes|head)\b", text):
        return None
    strong = re.search(r"\bupscal(?:e|ed|ing)\b|\bup ?res\b|\bsuper ?resol\w*", text)
    finer = re.search(
        r"\b(?:double|triple|twice|higher|increase|more|bigger"
        r"|larger) (?:of )?(?:the )?resolution\b|\bresolution\b.{0,12}\b(?:double|twice|up"
        r"|higher)\b",
        text,
    )
    grow = re.search(
        r"\b(?:enlarge|magnify|blow up) (?:@|it|this|everything|the (?:whole |entire )?(?:picture"
        r"|image|photo))",
        text,
    )
    larger = re.search(
        r"\b(?:make|get|want|need) @ (?:\w+ )?(?:bigger|larger) (?:without|but|and keep"
        r"|for (?:print|a poster))",
        text,
    )
    times = re.search(
        r"(?<![\w.])([2348])(?:x| times| fold)(?: (?:as )?(?:big|large|bigger|larger|the size"
        r"|the resolution|upscale))?\b|\bx ?([2348])\b",
        text,
    )
    twice = re.search(
        r"\b(?:twice|double) (?:as (?:big|large)|(?:the |its |it's )?(?:size|resolution))"
        r"|\bdouble @(?: in size)?$",
        text,
    )
    if not (
        strong
        or finer
        or grow
        or larger
        or (times and re.search(r"size|big|larg|resol|enlarge", text))
        or (twice and thing(text) in (None, "the size", "its size"))
    ):
        return None
    if (
        not strong
        and (spoken := thing(text))
        and spoken.split()[1] not in ("size", "resolution", "quality", "pixels")
    ):
        return None
    factor = (
        int(times[1] or times[2]) if times else 4 if "quadruple" in text else 3 if "triple" in text else 2
    )
    if factor > 4:
        raise PlanError(f"a picture cannot be enlarged {factor} times at once", "take 2, 3 or 4")
    return Operation("upscale", {"factor": factor})


def resize(text: str, size: tuple[int, int] | None) -> Operation | None:
    verb = re.search(r"\b(?:resi[sz]e|rescale|scale|downscale|downsize|shrink|reduce|make|bring|get)\b", text)
    clear = re.search(
        r"\b(?:resi[sz]ed?|rescaled?|downscaled?|downsized?)\b|\b(?:scale|shrink|reduce) (?:@|it"
        r"|this|everything)(?= (?:to|by|in size|down)\b|$| \d)|\b(?:scale|shrink|reduce) to \d"
        r"|\d ?% (?:of the |of its |of the original )?size\b",
        text,
    )
    if re.search(r"\b(?:scale|shrink|reduce|resize)\b", text) and not _on_picture(
        text, "scale|shrink|reduce|resize|resise"
    ):
        return None
    kept = re.search(r"\bproportion|\bdistort|\bstretch|\baspect", text)
    both = amounts.size(text)
    start = re.match(r"(?:@ )?(?:to |at |as )?\d{2,5} ?(?:x|by)", text) or re.search(
        r"\b(?:be|goes to) \d{2,5} ?(?:x|by)", text
    )
    if both and (verb or start):
        if kept:
            return Operation("resize", {"longest": _side(max(both))})
        return Operation("resize", {"width": _side(both[0]), "height": _side(both[1])})
    side = re.search(
        r"(?<![\w.:])(\d{2,5}) ?(?:px|pixels?)?(?: in)? (wide|width|across|high|tall|height)\b"
        r"|\b(width|height|wide|high) (?:of |to |= |is |: )?(\d{2,5})\b",
        text,
    )
    if side and (verb or clear or re.match(r"(?:@ )?\d", text)):
        down = (side[2] or side[3]) in ("high", "tall", "height")
        return Operation("resize", {"height" if down else "width": _side(int(side[1] or side[4]))})
    if re.search(
        r"\b(?:half|quarter|a third) (?:of )?(?:the |its |it's )?(?:original )?size\b"
        r"|\bhalf as (?:big|large)\b|\bhalve\b",
        text,
    ):
        spoken = thing(text)
        if spoken is None or spoken.split()[1] in ("size", "original"):
            return Operation(
                "resize",
                {"scale": 0.25 if "quarter" in text else round(1 / 3, 4) if "third" in text else 0.5},
            )
    if not clear:
        return None
    longest = re.search(r"\b(?:longest|longer|long|largest)\b", text)
    share, count = amounts.percent(text), amounts.pixels(text)
    value = amounts.number(text)
    if share:
        return Operation(
            "resize", {"scale": round(1 - share if " by " in f" {text} " and "reduce" in text else share, 4)}
        )
    if count or (value and value >= 16 and (longest or not re.search(r"\d (?:times|mb|kb)\b", text))):
        return Operation(
            "resize", {"longest" if longest or not side else "width": _side(int(count or value or 0))}
        )
    if times := re.search(r"\bby (?:a factor of )?(\d(?:\.\d+)?|0?\.\d+)\b|(\d(?:\.\d+)?)(?:x| times)", text):
        return Operation("resize", {"scale": float(times[1] or times[2])})
    if re.search(r"\b(?:shrink|smaller|downsize|downscale)\b", text):
        return Operation("resize", {"scale": 0.5})
    raise PlanError("a resize needs a size", "say 800 pixels wide, 1080x1080 or half the size")


def _side(value: int) -> int:
    from ace_agent.plan.operations import MAX_SIDE

    if not 1 <= value <= MAX_SIDE:
        raise PlanError(f"a side of {value} pixels cannot be made", f"each side is 1 to {MAX_SIDE:,} pixels")
    return value


def crop(text: str, size: tuple[int, int] | None) -> Operation | None:
    verb = re.search(r"\b(?:crop|cropped|cropping|recrop)\b", text)
    trim = re.search(
        r"\b(?:crop|trim|cut|remove|get rid of|take)\b.{0,24}\b(?:white|black|plain|empty|blank"
        r"|extra)? ?(?:border|borders|bars|edges|margins?)\b",
        text,
    )
    if (
        trim
        and re.search(r"\b(?:border|borders|bars|margins?)\b", text)
        and not re.search(r"\b(?:soft|add|put|sharp|around the)\b", text)
    ):
        return Operation("crop", {"trim": True})
    part = amounts.part(text)
    share = amounts.percent(text)
    side = amounts.side(text)
    off = re.search(
        r"\b(?:cut|trim|crop|slice|chop|shave|take|lop)\b.{0,40}\b(?:off|from|away)\b|\b(?:cut"
        r"|trim|chop|slice|lop) off\b|\bcut \d+ ?(?:%|percent)",
        text,
    )
    if off and side and (part or share):
        return Operation("crop", {"cut": {side: round(part[1] if part else share or 0.0, 4)}})
    if off and side and (count := amounts.pixels(text)):
        return Operation("crop", {"cut": {side: _share(count, size, across=side in ("left", "right"))}})
    if (
        part
        and re.search(r"\b(?:keep|crop|leave)\b|^(?:only|just) the\b", text)
        and not re.search(r"\b(?:blur|pixel|bright|dark|sharp)", text)
    ):
        return Operation("crop", {"box": amounts.box_of(*part)})
    shape, both = amounts.aspect(text), amounts.size(text)
    where = (
        amounts.place(text)
        if re.search(
            r"\b(?:anchor|anchored|from|at|to|keep|keeping|top|bottom|lower|upper|left|right)\b", text
        )
        else None
    )
    placed = {"place": where} if where and where != "middle" else {}
    if re.search(r"\bwithout (?:crop|cutt)|\bdon't (?:crop|cut)|\bno crop", text):
        return None
    if verb and both:
        return Operation("crop", {"size": tuple(map(_side, both)), **placed})
    if verb and shape in ("square", "1:1") and (count := amounts.pixels(text)):
        return Operation("crop", {"size": (_side(count), _side(count)), **placed})
    shaped = re.search(
        r"^(?:(?:please|make|cut|trim|bring|turn|get|want|need|put|give|format|set) )*(?:@ |it "
        r"|this )?(?:to |into |in |as |a |an |me |perfect |nice )*(?:square"
        r"|\d{1,2}(?:\.\d+)?[:/]\d|\d{1,2} (?:by|to) \d{1,2}|(?:portrait|landscape) (?:format"
        r"|orientation|ratio|mode)|postcard)(?= ?$| ?,| (?:for|crop|format|please|shape|aspect"
        r"|ratio|version|centred|centered|from|at|portrait|instead|so|profile|thumbnail))"
        r"|(?<![\w.:])\d{1,2}:\d{1,2}\b,? (?:\w+ )?(?:format|ratio|aspect|version)\b",
        text,
    )
    if (
        shape
        and (verb or shaped)
        and not re.search(
            r"\b(?:table|box|window|room|head|eyes|glasses|mosaic|tiles?|field|building)\b", text
        )
    ):
        kept = re.search(
            r"\bkeep(?:ing)? ((?:(?:both|all|the|her|his|my|their) )+[\w' ]{2,30}?)(?: in| visible)?$", text
        )
        return Operation("crop", {"aspect": shape, **({} if kept else placed)}, limit=kept[1] if kept else "")
    if not verb or not _on_picture(text, "crop|recrop"):
        return None
    if re.search(r"\b(?:tighter|closer|tight|in a bit|a bit|slightly|little)\b", text) and not re.search(
        r"\b(?:around|on|to) (?:the|his|her|my)\b", text
    ):
        return Operation("crop", {"cut": {"left": 0.1, "right": 0.1, "top": 0.1, "bottom": 0.1}})
    if re.search(r"\b(?:to|so|around|on|only|just|until|out|in on)\b", text):
        return Operation("crop", {}, limit=text)
    raise PlanError("a crop needs to say what is kept", "say a square, 16:9, 800x600 or the left half")


def _share(count: int, size: tuple[int, int] | None, *, across: bool | None = None) -> float:
    """A pixel count as a fraction of the width or height; by default, of the longer side."""
    if size is None or not all(size):
        raise PlanError(
            f"{count} pixels are a share of a picture that is not made yet", "say it in percent, like 4 %"
        )
    return round(min(count / (max(size) if across is None else size[not across]), 1.0), 5)


def _width(text: str, size: tuple[int, int] | None, default: float) -> float:
    """The width of a frame or margin, as a fraction of the longer side."""
    share, count = amounts.percent(text), amounts.pixels(text)
    if share is not None:
        return round(share, 4)
    if count is not None:
        return _share(count, size)
    if re.search(r"\b(?:thin|fine|narrow|slim|small|little|bit)\b", text):
        return default / 2
    return default * 2 if re.search(r"\b(?:thick|wide|broad|big|large|heavy|chunky|fat)\b", text) else default


def canvas(text: str, size: tuple[int, int] | None) -> Operation | None:
    margin = re.search(r"\b(?:margins?|padding|white ?space|letterbox|blank space|empty space)\b", text)
    sheet = re.search(
        r"\b(?:on|onto|to|into|bigger|larger|white|black|blank|plain|square|more|extend the"
        r"|enlarge the) ?(?:a |the )?(?:\w+ )?(?:\S+ )?canvas\b|\bcanvas (?:of|size|to)\b",
        text,
    )
    bars = re.search(
        r"\b(?:bars?|bands?|stripes?|white|black)\b.{0,24}\b(?:on|at|to) (?:the |both |each "
        r"|either )?(?:sides?|left|top)\b",
        text,
    )
    whole = re.search(
        r"\bwithout (?:crop|cutt|losing|stretch)\w*|\bdon't (?:crop|cut|stretch)|\bno crop\w*", text
    )
    shape = amounts.aspect(text)
    if not (margin or sheet or bars or (whole and shape)) or re.search(
        r"\b(?:paint on|oil|texture|print on|remove|crop|cut off|trim)\b", text.replace("without crop", "")
    ):
        return None
    if bars and not (shape or whole or "bar" in text or "bands" in text):
        return None
    options: dict[str, Any] = {}
    if re.search(r"\bblur", text):
        options["fill"] = "blur"
    elif "transparent" in text:
        options["fill"] = "transparent"
    elif shade := amounts.color(text):
        options["color"] = shade
    if both := amounts.size(text):
        return Operation("canvas", {"size": tuple(map(_side, both)), **options})
    if shape:
        return Operation("canvas", {"aspect": shape, **options})
    if sheet and not (margin or bars) and not (options or re.search(r"\d", text)):
        return None  # a wider view is outpainted
    if margin or sheet or bars:
        return Operation("canvas", {"margin": _width(text, size, 0.1), **options})
    return None


def frame(text: str, size: tuple[int, int] | None) -> Operation | None:
    if re.search(r"\bpolaroid\b", text) and not re.search(r"\b(?:camera|of a polaroid)\b", text):
        return Operation("frame", {"style": "polaroid", **tinted(text)})
    if re.search(
        r"\bround(?:ed)? (?:off )?(?:the |its |it's )?corners?\b|\bcorners? (?:round|rounded)\b", text
    ):
        return Operation("frame", {"style": "rounded"})
    if re.search(r"\bdrop shadow\b", text) and not thing(text):
        return Operation("frame", {"style": "shadow"})
    if not re.search(
        r"(?:^(?:a|an) |\bin (?:a|an) |\b(?:add|put|give|want|with|need|draw|make|have|get) "
        r"(?:(?:@|me|it|and|to|around) )*)"
        r"(?:a |an |some )?(?:(?!(?:the|that|this|my|his|her|their)\b)[a-z%\d.]+ ){0,5}?(?:picture )?(?:frame|border)\b"
        r"|^frame\b",
        text,
    ):
        return None
    inside = re.search(r"\b(?:frame|border)\b (?P<rest>.*)", f"{text} ")
    rest = inside["rest"] if inside else ""
    aims = re.match(r"(?:(?:of|in|on|round|around|to|for|with|about) )(?P<object>.*)", rest)
    if re.search(
        r"\b(?:window|door|door ?frame|bed|photo frame on|bike|bicycle|glasses) frame\b"
        r"|\bborder (?:collie|guard|town)\b|\b(?:right|left|edge|out|part) of (?:the |@ ?)?frame\b"
        r"|\bframe (?:on|in) (?:the|a) \w+",
        text,
    ):
        return None
    if aims and not re.match(
        r"(?:@|it|this|them|everything|the (?:whole|picture|image|photo|outside)|all|a |an |\d"
        r"|(?:plain |solid |thin |thick )*(?:white|black|gold|golden|silver|wood|brown|red|green"
        r"|blue|pink|yellow))|$",
        aims["object"],
    ):
        return None
    if text.startswith("frame") and not re.match(
        r"frame (?:@|it|this|in|with|around)|frame$|frame (?:white|black|gold|golden|thin|yellow"
        r"|red|blue|green|pink)",
        text,
    ):
        return None
    return Operation("frame", {**tinted(text), "width": round(min(_width(text, size, 0.04), 0.5), 5)})


def tinted(text: str) -> dict[str, Any]:
    shade = amounts.color(text)
    return {"color": shade} if shade and shade != "white" else {}
