"""The slash commands. Importing this module fills the registry."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ace_agent.cli.commands.chat.registry import SLASH_COMMANDS, find, slash
from ace_agent.cli.commands.chat.session import Quit, Session
from ace_agent.cli.commands.history import history_table
from ace_agent.cli.commands.show import facts_table
from ace_agent.cli.ui.compare import side_by_side
from ace_agent.cli.ui.halfblocks import can_show
from ace_agent.cli.ui.masks import FORMS, parse_mask
from ace_agent.cli.ui.options import size_from
from ace_agent.cli.ui.present import display_path, draw, not_forgotten, picture_line, print_notes, verdict
from ace_agent.cli.ui.saving import Destination
from ace_agent.cli.ui.terminal_images import rows_for
from ace_agent.errors import InputError
from ace_agent.files import from_home
from ace_agent.plan import MAX_SEED, Region
from ace_agent.plan.schema import SIDES

OFF = ("off", "none", "auto")


def at_most_one(arguments: list[str], what: str) -> str | None:
    """The argument, or None without one; InputError for more."""
    if len(arguments) > 1:
        raise InputError(f"this takes one {what}, got {len(arguments)}")
    return arguments[0] if arguments else None


def turn_count(arguments: list[str]) -> int:
    """A number of turns; 1 without an argument."""
    text = at_most_one(arguments, "number") or "1"
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"{text!r} is not a number of turns")
    return int(text)


def image_ids(session: Session) -> Iterable[str]:
    return [image for image, _ in session.images()]


def print_position(session: Session) -> None:
    """Show the picture at which the conversation stands."""
    path = session.agent.turns(limit=1)
    pictures = path[-1].images if path else []
    draw(pictures[-1:], session.results)
    session.results.print(picture_line(pictures[-1]) if pictures else Text("At the beginning."))


@slash("help", "[COMMAND]", "List the commands, or explain one.", lambda session: SLASH_COMMANDS)
def help_(session: Session, arguments: list[str]) -> None:
    name = at_most_one(arguments, "command")
    commands = [find(name.lstrip("/"))] if name else list(SLASH_COMMANDS.values())
    table = Table.grid(padding=(0, 2))
    for command in commands:
        table.add_row(Text(command.usage, style="cyan"), command.help)
    session.results.print(table)
    if not name:
        session.print_line(
            "Anything else is a request. @3 names picture 3. Ctrl-C stops a request, Ctrl-D leaves."
        )


@slash("undo", "[N]", "Go back one turn, or N.")
def undo(session: Session, arguments: list[str]) -> None:
    session.agent.undo(turn_count(arguments))
    print_position(session)


@slash("redo", "[N]", "Go forward again after an undo.")
def redo(session: Session, arguments: list[str]) -> None:
    session.agent.redo(turn_count(arguments))
    print_position(session)


@slash("goto", "@ID", "Go to the turn that made a picture.", image_ids)
def goto(session: Session, arguments: list[str]) -> None:
    picture = at_most_one(arguments, "picture")
    if picture is None:
        raise InputError("go where?", hint="/goto @3")
    session.agent.goto(picture)
    print_position(session)


@slash("branch", "NAME [@ID]", "Start another conversation from here, or from a picture, and switch to it.")
def branch(session: Session, arguments: list[str]) -> None:
    if not 1 <= len(arguments) <= 2:
        raise InputError("a branch needs a name", hint="/branch night-version")
    session.agent = session.agent.branch(arguments[0], at=arguments[1] if len(arguments) == 2 else None)
    session.print_line(f"now in {session.agent.conversation}")


@slash("history", "[all]", "List the turns; all: also those that were undone.", lambda session: ("all",))
def history(session: Session, arguments: list[str]) -> None:
    everything = at_most_one(arguments, "word") == "all"
    path = session.agent.turns()
    turns = session.agent.turns(everything=True) if everything else path
    session.results.print(history_table(turns, frozenset(turn.id for turn in path), session.results))


@slash("show", "[@ID]", "Show a picture, and how it was made.", image_ids)
def show(session: Session, arguments: list[str]) -> None:
    picture = not_forgotten(session.agent.show(at_most_one(arguments, "picture") or "@last"))
    draw([picture], session.results)
    session.results.print(facts_table(picture))


@slash(
    "compare",
    "[@ID] [@ID]",
    "Show two pictures side by side, or one beside its original.",
    image_ids,
)
def compare(session: Session, arguments: list[str]) -> None:
    if len(arguments) > 2:
        raise InputError(f"this takes two pictures, got {len(arguments)}")
    after = session.agent.show(arguments[-1] if arguments else "@last")
    before = session.agent.show(arguments[0]) if len(arguments) == 2 else session.agent.before(after.id)
    if before is None:
        raise InputError(f"{after.id} was made from no other picture", hint="name two: /compare @1 @2")
    if can_show(session.results):
        pair = [(f"{p.id} {p.words}".strip(), not_forgotten(p).image) for p in (before, after)]
        session.results.print(side_by_side(pair, session.results.width, rows_for(session.results)))
    session.results.print(Text.assemble(picture_line(before), "  |  ", picture_line(after)))


@slash("seed", "N|off", "Use this seed from now on.", lambda session: ("off",))
def seed(session: Session, arguments: list[str]) -> None:
    text = at_most_one(arguments, "number")
    if text is not None and text not in OFF:
        if not text.isdecimal() or int(text) > MAX_SEED:
            raise InputError(f"{text!r} is not a seed", hint="a whole number, or off")
        session.settings.seed = int(text)
    elif text is not None:
        session.settings.seed = None
    current = session.settings.seed
    session.print_line("a new seed for each picture" if current is None else f"seed {current}")


@slash(
    "size", "WxH|off", "Make pictures of this size from now on.", lambda session: ("128", "256x128", "off")
)
def size(session: Session, arguments: list[str]) -> None:
    text = at_most_one(arguments, "size")
    if text is not None:
        try:
            session.settings.size = None if text in OFF else size_from(text)
        except ValueError as error:
            raise InputError(str(error)) from None
    current = session.settings.size
    session.print_line("the edited picture's size" if current is None else f"{current[0]} x {current[1]}")


def model_names(session: Session) -> Iterable[str]:
    from ace_agent.cli.commands.models import known_models

    return [model.name for model in known_models()]


@slash("model", "[NAME]", "Switch to another model.", model_names)
def model(session: Session, arguments: list[str]) -> None:
    name = at_most_one(arguments, "model")
    if name is not None:
        session.use_model(name)
    session.print_line(f"model {session.model}; there is {', '.join(model_names(session))}, or a folder")


@slash(
    "planner",
    "[NAME]",
    "Switch to another planner.",
    lambda session: ("auto", "rules", "ollama:", "openai:", "anthropic:"),
)
def planner(session: Session, arguments: list[str]) -> None:
    name = at_most_one(arguments, "planner")
    if name is not None:
        session.use_planner(name)
    session.print_line(f"planner {session.planner}")


@slash(
    "mask",
    "WORDS|off",
    f"Where the next request may change: {FORMS}.",
    lambda session: (*SIDES, "box", "ellipse", "off", *image_ids(session)),
)
def mask(session: Session, arguments: list[str]) -> None:
    text = " ".join(arguments)
    if not text:
        raise InputError("a mask of what?", hint=f"a mask is {FORMS}")
    if text in OFF:
        session.settings.mask = None
        session.print_line("no mask")
        return
    found = parse_mask(text)
    if isinstance(found, Region):
        drawn = session.agent.draw_mask(found)
    elif found.startswith("@"):
        drawn = session.agent.show(found)
    else:
        drawn = session.agent.attach(Path(found), kind="mask")
    session.settings.mask = drawn.id
    draw([drawn], session.results)
    session.results.print(picture_line(drawn).append("  masks the next request"))


@slash("attach", "FILE...", "Add pictures to the conversation; the next request edits the last of them.")
def attach(session: Session, arguments: list[str]) -> None:
    if not arguments:
        raise InputError("attach what?", hint="/attach photo.jpg")
    from ace_agent.images.files import read_picture

    for path in [from_home(name) for name in arguments]:
        print_notes(read_picture(path).notices, session.notices)
        picture = session.agent.attach(path)
        draw([picture], session.results)
        session.results.print(picture_line(picture).append(f"  {path.name}"))


@slash("save", "[@ID] [FILE]", "Write a picture to a file; default: ./ace-ID.png.", image_ids)
def save(session: Session, arguments: list[str]) -> None:
    ids = [argument for argument in arguments if argument.startswith("@")]
    files = [argument for argument in arguments if not argument.startswith("@")]
    if len(ids) > 1 or len(files) > 1:
        raise InputError("this takes one picture and one file", hint="/save @3 night.png")
    destination = Destination(from_home(files[0]) if files else None)
    destination.check()
    picture = not_forgotten(session.agent.show(ids[0] if ids else "@last"))
    session.results.print(picture_line(picture, destination.write([picture])[0]), soft_wrap=True)


@slash("rerun", "[@ID]", "Make a picture again from its recipe, and compare.", image_ids)
def rerun(session: Session, arguments: list[str]) -> None:
    from ace_agent.cli.ui.progress import progress_bar

    picture = session.agent.show(at_most_one(arguments, "picture") or "@last")
    with progress_bar(session.notices) as progress:
        again = session.agent.rerun(picture.id, progress=progress)
    print_notes(again.notes, session.notices)
    session.print_line(f"{picture.id}  {verdict(again)}")


@slash("export", "FILE", "Write the whole conversation to one file.")
def export(session: Session, arguments: list[str]) -> None:
    name = at_most_one(arguments, "file")
    if name is None:
        raise InputError("export to which file?", hint=f"/export {session.agent.conversation}.ace")
    path = from_home(name)
    if path.exists():
        raise InputError(f"{path} exists already", hint="choose another name")
    session.results.print(Text(display_path(session.agent.export(path))), soft_wrap=True)


@slash("resume", "", "Resume the latest request that was stopped.")
def resume(session: Session, arguments: list[str]) -> None:
    from ace_agent.cli.ui.progress import progress_bar

    with progress_bar(session.notices) as progress:
        turn = session.agent.resume(progress=progress)
    session.present(turn)


@slash("quit", "", "Quit. Everything is kept.")
def quit_(session: Session, arguments: list[str]) -> None:
    raise Quit
