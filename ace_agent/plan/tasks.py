"""The task catalogue: what ACE can be asked to do, one row a task (arXiv 2410.00086, section 2)."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

MaskUse = Literal["none", "optional", "required"]
Detail = Literal["region", "difference", "enlarge"]

FAMILIES = {
    "generation": "Make a picture from words alone.",
    "analysis": "Show one low-level side of a picture: its edges, depth, segments, poses.",
    "control": "Make a picture from such a side and a caption.",
    "semantic": "Change how something in a picture looks.",
    "element": "Add, remove or replace an element of a picture.",
    "repainting": "Paint a masked area anew, or widen the canvas.",
    "layer": "Split a picture into layers, or fuse layers into one.",
    "reference": "Make a picture with the subject, face, style or clothes of others.",
    "operations": "Do something exact to a picture: crop, turn, resize, adjust, frame.",
}
MAX_IMAGES = 9


@dataclass(frozen=True)
class Task:
    """One row of the catalogue.

    `base_from` is the fewest conditioning images with which `{image}` is the base image (the one that gives
    the result its size); None if there never is one. `local` says that only a region may change: the rest is
    composited back bit for bit. `detail` says how a result smaller than its base picture gets to full size:
    `region` replaces only what changed, `difference` adds the enlarged change to the base picture, `enlarge`
    keeps nothing of it. `ice_bench` names the tasks of ICE-Bench (arXiv 2503.14482) that the row covers.
    """

    id: str
    family: str
    min_images: int
    max_images: int
    mask: MaskUse
    base_from: int | None
    local: bool
    detail: Detail
    description: str
    examples: tuple[str, ...]
    ice_bench: tuple[str, ...] = ()

    @property
    def has_base(self) -> bool:
        return self.base_from is not None

    def has_base_with(self, images: int) -> bool:
        """Whether a call with `images` conditioning images has a base image."""
        return self.base_from is not None and images >= self.base_from


def _analysis(task: str, description: str, *examples: str) -> Task:
    return Task(task, "analysis", 1, 1, "optional", 1, False, "enlarge", description, examples)


def _control(
    task: str, description: str, *examples: str, detail: Detail = "enlarge", ice: tuple[str, ...] = ()
) -> Task:
    return Task(task, "control", 1, 1, "optional", 1, False, detail, description, examples, ice)


def _edit(
    task: str,
    description: str,
    *examples: str,
    local: bool,
    ice: tuple[str, ...],
    family: str = "semantic",
) -> Task:
    detail: Detail = "region" if local else "difference"
    return Task(task, family, 1, 1, "optional", 1, local, detail, description, examples, ice)


def _reference(
    task: str,
    images: tuple[int, int],
    description: str,
    *examples: str,
    base_from: int | None = None,
    local: bool = False,
    ice: tuple[str, ...],
) -> Task:
    detail: Detail = "region" if local else "difference"
    return Task(task, "reference", *images, "optional", base_from, local, detail, description, examples, ice)


_ROWS = (
    Task(
        "text_to_image", "generation", 0, 0, "none", None, False, "enlarge",
        "Make a new picture from a description.",
        ("a red fox in the snow", "a small house under a full moon, watercolour"),
        ("Text2Image",),
    ),
    _analysis("segment", "Paint every object of a picture in one flat colour.",
              "Do segmentation on {image}.", "Segment {image} into its objects."),
    _analysis("depth", "Show how far away everything is: near is bright, far is dark.",
              "Produce a depth map for {image} please.", "Work out the depth of {image}."),
    _analysis("pose", "Draw the skeletons of the people in a picture.",
              "Distinguish the poses of the figures in {image}.", "Show the body poses in {image}."),
    _analysis("edge", "Draw the edges of a picture, white on black.",
              "Get the edge-enhanced result for {image}.", "Detect the edges of {image}."),
    _analysis("contour", "Draw the outlines of the objects of a picture.",
              "Make a contour picture from {image}.", "Trace the contours of {image}."),
    _analysis("scribble", "Draw a picture again as a rough scribble.",
              "Generate a scribble of {image}, please.", "Scribble {image} in a few strokes."),
    _analysis("doodle", "Draw a picture again as a doodle of flat shapes.",
              "Turn {image} into a doodle.", "Doodle what {image} shows."),
    _analysis("grayscale", "Take the colour out of a picture.",
              "Transform {image} into a black and white one.", "Make {image} grayscale."),
    _analysis("mosaic", "Turn a picture into coarse square tiles.",
              "Adapt {image} into a mosaic representation.", "Pixelate {image}."),
    _analysis("degrade", "Make a picture worse: blurred, noisy, rainy, hazy or dark.",
              "Lower the quality of {image}.", "Blur {image}."),
    _control("segment_to_image", "Make a picture that follows a segmentation and a caption.",
             'Following the segmentation {image}, develop a real-life image of "a cat lying on the bed".'),
    _control("depth_to_image", "Make a picture that follows a depth map and a caption.",
             'Use the depth map {image} and the caption "a path through a wood" to create an image.',
             ice=("Depth-guided Generation",)),
    _control("pose_to_image", "Make a picture of people in given poses.",
             'Translate this posture {image} into a coloured image of "a dancer on a stage".',
             ice=("Pose-guided Generation",)),
    _control("edge_to_image", "Make a picture that follows an edge map and a caption.",
             'Convert the edge map {image} into a picture of "an old lighthouse".',
             ice=("Edge-guided Generation",)),
    _control("contour_to_image", "Make a picture that follows outlines and a caption.",
             'From the contour {image} create "two pears on a table".'),
    _control("scribble_to_image", "Make a picture from a rough scribble and a caption.",
             '"a sailing boat at sea", generate the image that corresponds to the scribble {image}.'),
    _control("doodle_to_image", "Make a picture from a doodle and a caption.",
             'Make the doodle {image} into "a castle on a hill".'),
    _control("colorize", "Give a black and white picture its colours.",
             'Make this {image} colourful, as per "a green meadow under a blue sky".', "Colorize {image}.",
             detail="difference", ice=("Image Colorize",)),
    _control("demosaic", "Bring back the picture behind coarse tiles.", "Clear the mosaic from {image}."),
    _control("restore", "Mend a picture: remove blur, noise, rain or haze, or brighten it.",
             "Restore {image}: remove the noise.", "Sharpen {image}.", "Brighten {image}.",
             detail="difference", ice=("Image Deblur",)),
    _edit("edit_color", "Change the colour of one thing.",
          "Make the car in {image} green.", local=True, ice=("Color Editing",)),
    _edit("edit_texture", "Change what one thing is made of.",
          "Make the chair in {image} look like marble.", local=True, ice=("Texture Editing",)),
    _edit("edit_motion", "Move, turn, grow or shrink one thing.",
          "Let the dog in {image} face the other way.", "Move the boat in {image} to the left.",
          "Make the tree in {image} bigger.", local=True, ice=("Motion Editing",)),
    _edit("edit_scene", "Change the place, the weather, the season or the time of day.",
          "Change the background of {image} to a beach.", "Make it night in {image}.",
          "Make it snow in {image}.",
          local=False, ice=("Scene Editing",)),
    _edit("edit_face", "Change a face: its expression, hair, age, glasses.",
          "Let the man in {image} smile.", "Give the woman in {image} red hair.", local=True,
          ice=("Face Editing",)),
    _edit("edit_style", "Change the style in which a whole picture is made.",
          "Change {image} to 8-bit pixel art.", "Make {image} an oil painting.", local=False,
          ice=("Style Editing",)),
    _edit("edit_general", "Any other change of a picture, several at once included.",
          "Make the car in {image} blue and the sky pink.", local=False, ice=("Composite Editing",)),
    _edit("add", "Add something to a picture.",
          "Add a hat to the dog in {image}.", local=True, family="element",
          ice=("Subject Addition", "Local Subject Addition")),
    _edit("remove", "Remove something from a picture.",
          "Remove the tent from {image}.", local=True, family="element",
          ice=("Subject Removal", "Local Subject Removal")),
    _edit("replace", "Turn one thing into another.",
          "Turn the apple in {image} into an orange.", local=True, family="element", ice=("Subject Change",)),
    _edit("render_text", "Write words into a picture.",
          'Put the text "CARD" at the top of {image}.', local=True, family="element",
          ice=("Text Render", "Local Text Render")),
    _edit("remove_text", "Remove written words from a picture.",
          "Wipe the lettering from {image}.", local=True, family="element",
          ice=("Text Removal", "Local Text Removal")),
    Task(
        "inpaint", "repainting", 1, 1, "required", 1, True, "region",
        "Paint the masked part of a picture anew.",
        ("Refashion the mask portion of {image}.",
         'Refashion the mask portion of {image} in accordance with "a pond".'),
        ("Inpainting",),
    ),
    Task(
        "outpaint", "repainting", 1, 1, "required", 1, True, "region",
        "Widen a picture beyond its borders.",
        ("Widen {image} within the space designated by the mask.",),
        ("Outpainting",),
    ),
    Task("extract_foreground", "layer", 1, 1, "optional", 1, False, "region",
         "Cut one thing out of a picture.", ("Cut the statue out of {image}.",)),
    Task("extract_background", "layer", 1, 1, "optional", 1, False, "region",
         "Keep only the background of a picture.", ("Keep only the background of {image}.",)),
    Task("fuse_layers", "layer", 2, MAX_IMAGES, "optional", 1, False, "region",
         "Put the things of several pictures into one.", ("Fuse {image} with {image1}.",)),
    _reference("subject_reference", (1, MAX_IMAGES), "Make a new picture of the subject of others.",
               "{image}{image1}, the same teapot in a garden.",
               ice=("Subject Reference Generation", "Subject-guided Inpainting")),
    _reference("face_reference", (1, MAX_IMAGES), "Make a new picture of the person in others.",
               "{image}, the same person as an astronaut.", ice=("Face Reference Generation",)),
    _reference("style_reference", (1, MAX_IMAGES),
               "Use the style of one picture for another, or for a caption.",
               "Edit {image} in the style of {image1}.", '"a boat at dawn" in the style of {image}.',
               base_from=2, ice=("Style Reference Generation", "Style Reference Editing")),
    _reference("try_on", (2, 2), "Dress a person in the clothes of another picture.",
               "Change the cloth in {image} to the one in {image1}.", base_from=1, local=True,
               ice=("Virtual Try On",)),
    _reference("face_swap", (2, 2), "Put the face of one picture on the person in another.",
               "Put the face of {image1} on the person in {image}.", base_from=1, local=True,
               ice=("Face Swap",)),
    _reference("multi_control", (2, MAX_IMAGES),
               "Make a picture that follows several control pictures at once.",
               'Follow the pose {image} and the depth {image1}: "a knight in a hall".',
               ice=()),
)  # fmt: skip


def _operation(task: str, description: str, *examples: str, images: int = 1) -> Task:
    return Task(task, "operations", 1, images, "optional", 1, False, "region", description, examples)


_OPERATIONS = (
    _operation("crop", "Keep a part of a picture.",
               "Crop {image} to a square.", "Cut the left third off {image}."),
    _operation("rotate", "Turn a picture.", "Rotate {image} by 90 degrees.", "Turn {image} upside down."),
    _operation("straighten", "Level a tilted picture.", "Straighten {image}.", "Level the horizon of {image}."),
    _operation("flip", "Mirror a picture.", "Flip {image} horizontally.", "Mirror {image}."),
    _operation("resize", "Scale a picture.",
               "Resize {image} to 800 pixels wide.", "Make {image} half the size."),
    _operation("canvas", "Put a picture on a larger canvas.",
               "Put {image} on a white 16:9 canvas.", "Add a margin around {image}."),
    _operation("adjust", "Change brightness, contrast, colour or sharpness.",
               "Brighten {image}.", "Give {image} more contrast.", "Make {image} warmer.", "Sharpen {image}."),
    _operation("filter", "Apply a photo filter.", "Make {image} sepia.", "Turn {image} into a pencil drawing."),
    _operation("blur_region", "Blur a part of a picture.", "Blur the left half of {image}."),
    _operation("pixelate_region", "Pixelate a part of a picture.", "Pixelate the right half of {image}."),
    _operation("frame", "Put a frame around a picture, or round its corners.",
               "Put a white frame around {image}.", "Make {image} a polaroid."),
    _operation("collage", "Put pictures side by side.",
               "Put {image} and {image1} side by side.", images=MAX_IMAGES),
    _operation("watermark", "Put words or a logo over a picture.",
               'Watermark {image} with "draft".', images=2),
    _operation("background", "Make what is behind the subject transparent, plain, blurred or another picture.",
               "Make the background of {image} transparent.", "Blur the background of {image}.", images=2),
    _operation("upscale", "Enlarge a picture and keep it sharp.", "Enlarge {image} to twice its size."),
)  # fmt: skip

TASKS: dict[str, Task] = {row.id: row for row in _ROWS}
"""ACE's own tasks: what a model is trained and measured on."""
CATALOGUE: dict[str, Task] = TASKS | {row.id: row for row in _OPERATIONS}
"""Everything that a plan may ask for: ACE's tasks and the exact operations."""


def similar_tasks(name: str) -> str:
    """A hint for a wrong task name: those with like letters, then those that share a word with it."""
    wanted = re.sub(r"[^a-z]+", "_", name.lower()).strip("_")
    close = difflib.get_close_matches(wanted, CATALOGUE, n=3, cutoff=0.6)
    words = {word for word in wanted.split("_") if len(word) > 3}
    close += [
        row.id
        for row in CATALOGUE.values()
        if row.id not in close and words & set(re.findall(r"[a-z]+", f"{row.id} {row.description}".lower()))
    ]
    if close:
        return f"near matches: {', '.join(close[:4])}; or leave the task out"
    return f"leave the task out, or take one of {', '.join(CATALOGUE)}"
