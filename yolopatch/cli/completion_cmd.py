"""`yolopatch completion`: the script that teaches a shell our names."""

from __future__ import annotations

import rich_click as click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      yolopatch completion bash >> ~/.bashrc
      yolopatch completion zsh >> ~/.zshrc
      yolopatch completion fish > ~/.config/fish/completions/yolopatch.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "yolopatch", "_YOLOPATCH_COMPLETE").source())
