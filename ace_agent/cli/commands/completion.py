"""`ace completion SHELL`: the script that lets a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
WHERE = {
    "bash": 'eval "$(ace completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(ace completion zsh)" in ~/.zshrc',
    "fish": "ace completion fish > ~/.config/fish/completions/ace.fish",
}


@click.command("completion", epilog="To install it:\n\n" + "\n\n".join(WHERE.values()))
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    kind = get_completion_class(shell)
    assert kind is not None, f"click knows {SHELLS}"
    click.echo(kind(ctx.find_root().command, {}, "ace", "_ACE_COMPLETE").source())
