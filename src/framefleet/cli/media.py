"""`framefleet plan`, `probe` and `version`: looking, without doing anything."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from framefleet import __version__
from framefleet.cli import described
from framefleet.cli.output import OK, CliError, emit, missing_extra


def version(options: argparse.Namespace) -> int:
    """Ours, and Python's."""
    if options.json:
        emit({"version": __version__, "python": platform.python_version()})
    else:
        print(f"framefleet {__version__} (Python {platform.python_version()})")
    return OK


def probe(options: argparse.Namespace) -> int:
    """What is in a media file; with --server as the server finds it."""
    if getattr(options, "server", None) is not None:
        from framefleet.cli import looking

        return looking.probe(options)
    from framefleet.cli import config, naming

    try:
        from framefleet import embedded
    except ModuleNotFoundError as error:
        raise missing_extra(error) from None
    settings = config.settings()
    config.log_quietly(settings)
    media = embedded.probe(naming.source_uri(options.source, Path.cwd()), settings)
    if options.json:
        emit(described.media_json(media))
    else:
        print(described.describe_media(media))
    return OK


def plan(options: argparse.Namespace) -> int:
    """The subtasks of a request, and with -v their FFmpeg commands; with --server as the server plans it."""
    if getattr(options, "server", None) is not None:
        from framefleet.cli import looking

        return looking.plan(options)
    if options.output is not None or options.pipeline is not None:
        raise CliError("invalid_request", "--output and --pipeline go with --server")
    from framefleet.cli import config, request
    from framefleet.cli.run import cores
    from framefleet.cli.templates import registry

    settings = config.settings()
    with registry(settings, options.folder) as templates:
        body = request.of_options(options, templates, Path("out"))
        try:
            from framefleet import embedded
        except ModuleNotFoundError as error:
            raise missing_extra(error) from None
        config.log_quietly(settings)
        planned = embedded.plan_task(body, settings, options.slots or cores(), templates)
    if options.json:
        emit(described.plan_json(planned))
    else:
        print(described.describe_plan(planned, commands=options.verbose))
    return OK
