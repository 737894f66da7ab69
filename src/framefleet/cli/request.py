"""Requests made from options of the command line. Pure, but for the folder relative paths start from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framefleet.cli import naming
from framefleet.domain.errors import InvalidRequest, UnknownTemplate
from framefleet.domain.template import predefined, resolve


def build(
    sources: Sequence[str], templates: Sequence[str], output: Path, *, name: str | None, settings: Sequence[str] = ()
) -> dict[str, Any]:
    """The request of `framefleet run`: local paths or addresses in, one target per template out.

    `settings` are `[TEMPLATE:]key.path=value`. Raises RequestErrors.
    """
    overrides = {template: overrides_of(settings, template) for template in templates}
    unused = [one for one in settings if _scope(one) not in {None, *templates}]
    if unused:
        raise UnknownTemplate(f"--set {unused[0]}: the run does not use that template", field="overrides")
    resolved = {
        template: resolve(template, overrides[template], field=f"--template {template}") for template in templates
    }
    folder = Path.cwd()
    label = name or naming.stem(sources[0])
    targets: list[dict[str, Any]] = []
    for target in naming.targets(templates, resolved, naming.clean(label) or "video", folder / output.expanduser()):
        own = overrides[target["template"]]
        targets.append(target | ({"overrides": own} if own else {}))
    return {
        "name": label[:256],
        "sources": [{"uri": naming.source_uri(source, folder)} for source in sources],
        "targets": targets,
    }


def overrides_of(settings: Sequence[str], template: str) -> dict[str, Any]:
    """What `[TEMPLATE:]key.path=value` settings mean for one template; values are JSON where they can be, else text."""
    overrides: dict[str, Any] = {}
    for setting in settings:
        path, separator, text = setting.partition("=")
        scope, _, path = path.rpartition(":")
        parts = path.split(".")
        if not separator or not all(parts):
            raise InvalidRequest(f"--set {setting} is not key.path=value", hint="For example --set video.crf=21.")
        if scope not in {"", template}:
            continue
        at = overrides
        for part in parts[:-1]:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise InvalidRequest(f"--set {setting}: {part} was given a value before")
        at[parts[-1]] = _value(text)
    return overrides


def template_names() -> list[str]:
    """The predefined templates."""
    return list(predefined())


def _scope(setting: str) -> str | None:
    scope, separator, _ = setting.partition("=")[0].rpartition(":")
    return scope if separator else None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
