"""Requests made from options of the command line, or read from a file. Relative paths start from the current folder."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framefleet.cli import naming
from framefleet.cli.output import CliError
from framefleet.domain.custom import checked
from framefleet.domain.errors import InvalidRequest, InvalidTemplate, UnknownTemplate
from framefleet.domain.template import Known, Template, laid_over, resolve, validated

Addressed = Callable[[str, Path], str]
"""What an address or a path is in a request; the folder is where paths start."""


def of_options(options: argparse.Namespace, known: Known, output: Path) -> Any:
    """The request that `run` and `plan` were given: media with templates, or a file with a request.

    Raises RequestErrors or CliError.
    """
    if options.templates:
        return build(
            options.sources,
            options.templates,
            output,
            name=getattr(options, "name", None),
            settings=options.settings,
            known=known,
        )
    if len(options.sources) > 1 or not (options.sources[0] == "-" or options.sources[0].endswith(".json")):
        raise CliError("invalid_request", "media needs a --template", hint="See `framefleet templates`.")
    if options.settings:
        raise CliError("invalid_request", "--set goes with --template", hint="A request has `overrides` of its own.")
    if getattr(options, "name", None):
        raise CliError("invalid_request", "--name goes with --template", hint="A request has a `name` of its own.")
    return on_this_machine(read_request(options.sources[0]), Path.cwd(), output)


MEDIA_TOO = "Give a request as JSON, or media with --template."


def read_request(file: str, *, wanted: str = MEDIA_TOO) -> Any:
    """The JSON in a file, or on standard input for `-`; raises InvalidRequest or CliError.

    `wanted` tells people what the command takes.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).expanduser().read_text("utf-8")
    except FileNotFoundError:
        raise CliError("invalid_request", f"there is no file {file}", hint=wanted) from None
    except OSError as error:
        raise CliError("invalid_request", f"{file}: {error.strerror}", hint=wanted) from None
    except UnicodeDecodeError:
        raise CliError("invalid_request", f"{file} is not text", hint=wanted) from None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{file} is not JSON: {error}") from None


def on_this_machine(body: Any, folder: Path, output: Path) -> Any:
    """A request whose addresses may be paths: those of targets below `output`, all others from `folder`."""
    if not isinstance(body, dict):
        return body
    targets = body.get("targets")
    placed = {key: _paths_as_addresses(value, folder) for key, value in body.items()}
    if isinstance(targets, list):
        for target, made in zip(targets, placed["targets"], strict=True):
            if isinstance(target, dict) and isinstance(target.get("uri"), str):
                made["uri"] = naming.target_uri(target["uri"], folder / output.expanduser())
    return placed


def _paths_as_addresses(value: Any, folder: Path, addressed: Addressed = naming.source_uri) -> Any:
    return with_uris(value, lambda uri: addressed(uri, folder))


def with_uris(value: Any, made: Callable[[str], str]) -> Any:
    """A document with every `uri` in it, wherever, as `made` gives it."""
    if isinstance(value, list):
        return [with_uris(v, made) for v in value]
    if not isinstance(value, dict):
        return value
    return {k: made(v) if k == "uri" and isinstance(v, str) and v else with_uris(v, made) for k, v in value.items()}


def build(
    sources: Sequence[str],
    templates: Sequence[str],
    output: Path | str,
    *,
    name: str | None,
    settings: Sequence[str] = (),
    known: Known | None = None,
    addressed: Addressed = naming.source_uri,
) -> dict[str, Any]:
    """The request of `framefleet run`: local paths or addresses in, one target per template out.

    A template is a name or a file with one. `settings` are `[TEMPLATE:]key.path=value`. `output`: a folder here, or the address
    of one. Raises RequestErrors.
    """
    chosen: dict[str, _Chosen] = {}
    for template in dict.fromkeys(templates):
        one = _chosen(template, settings, known, addressed)
        if one.label in chosen:
            raise InvalidRequest(
                f"two templates are called {one.label}: {chosen[one.label].given} and {template}", field="--template"
            )
        chosen[one.label] = one
    scopes = {None, *chosen, *templates}
    unused = [one for one in settings if _scope(one) not in scopes]
    if unused:
        raise UnknownTemplate(f"--set {unused[0]}: the run does not use that template", field="overrides")
    folder = Path.cwd()
    label = name or naming.stem(sources[0])
    resolved = {one.label: one.settings for one in chosen.values()}
    targets: list[dict[str, Any]] = []
    place = output if isinstance(output, str) else folder / output.expanduser()
    for target in naming.targets(list(chosen), resolved, naming.clean(label) or "video", place):
        one = chosen[target["name"]]
        made: dict[str, Any] = {"name": target["name"], "template": one.template, "uri": target["uri"]}
        targets.append(made | ({"overrides": one.overrides} if one.overrides else {}))
    return {
        "name": label[:256],
        "sources": [{"uri": addressed(source, folder)} for source in sources],
        "targets": targets,
    }


@dataclass(frozen=True, slots=True)
class _Chosen:
    """One `--template`."""

    given: str
    label: str
    """Name of the target, and part of its files' names."""
    template: str | None
    overrides: dict[str, Any]
    settings: Template


def _chosen(given: str, settings: Sequence[str], known: Known | None, addressed: Addressed) -> _Chosen:
    if not is_file(given):
        # An @ can be part of a template's name with its version, but not of a target's name.
        label = given.replace("@", "-")
        overrides = _paths_as_addresses(overrides_of(settings, given, label), Path.cwd(), addressed)
        field = f"--template {given}"
        try:
            resolved = resolve(given, overrides, known=known, field=field)
        except UnknownTemplate as error:
            if error.field == f"{field}.template":  # of a request; here the option is the place
                error.field = field
            raise
        return _Chosen(given, label, given, overrides, resolved)
    label = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(given).stem).strip("-._")[:64] or "template"
    document = checked(read_document(given), known, path=given)
    whole = laid_over(document, overrides_of(settings, given, label))
    overrides = _paths_as_addresses(whole, Path.cwd(), addressed)
    return _Chosen(given, label, None, overrides, validated(overrides, given))


def is_file(template: str) -> bool:
    """Whether a `--template` is a file and not a name: it has a slash, or ends like a document."""
    return "/" in template or Path(template).suffix.lower() in {".yaml", ".yml", ".json"}


def read_document(file: str) -> Any:
    """The document in a file, or on standard input for `-`; raises InvalidTemplate."""
    from framefleet.templates import parse_document

    try:
        text = sys.stdin.read() if file == "-" else Path(file).expanduser().read_text("utf-8")
    except OSError as error:
        raise InvalidTemplate(
            f"{file}: {error.strerror}", hint="Give a file with a template as YAML or JSON."
        ) from None
    except UnicodeDecodeError:
        raise InvalidTemplate(f"{file} is not text", hint="Give a file with a template as YAML or JSON.") from None
    return parse_document(text)


def overrides_of(settings: Sequence[str], *names: str) -> dict[str, Any]:
    """What `[TEMPLATE:]key.path=value` settings mean for the template of these names; values are JSON where they can be."""
    overrides: dict[str, Any] = {}
    for setting in settings:
        path, separator, text = setting.partition("=")
        scope, _, path = path.rpartition(":")
        parts = path.split(".")
        if not separator or not all(parts):
            raise InvalidRequest(f"--set {setting} is not key.path=value", hint="For example --set video.crf=21.")
        if scope not in {"", *names}:
            continue
        at = overrides
        for part in parts[:-1]:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise InvalidRequest(f"--set {setting}: {part} was given a value before")
        at[parts[-1]] = _value(text)
    return overrides


def _scope(setting: str) -> str | None:
    scope, separator, _ = setting.partition("=")[0].rpartition(":")
    return scope if separator else None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
