"""`help`: short texts on what one wants to look up at night, shipped with the package."""

import click

from nightlatch import data

TOPICS = ("exit-codes", "prd", "config", "agents", "ratchet", "recovery", "completion")


@click.command(epilog="Example: nightlatch help exit-codes")
@click.argument("topic", type=click.Choice(TOPICS), required=False)
def command(topic: str | None) -> None:
    """Explain TOPIC; without one, list the topics."""
    if topic is None:
        click.echo("\n".join(TOPICS))
    elif topic == "config":
        from nightlatch.project.config.settings import default_toml

        click.echo(default_toml(), nl=False)
    else:
        click.echo(data.text("shipped", f"help-{topic}.txt"), nl=False)
