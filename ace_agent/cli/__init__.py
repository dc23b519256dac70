"""The `ace` command. Only click is imported here, so that `ace --help` is instant."""

from __future__ import annotations

from ace_agent.cli.group import AceGroup

main = AceGroup(
    name="ace",
    help="Make and edit pictures by talking.\n\n"
    "A noun phrase makes a picture, an order edits the last one, and a given file is edited.",
    epilog="A request that is also the name of a command needs -- before it: ace -- undo",
)
