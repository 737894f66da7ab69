"""`framefleet`: the parser, the dispatch and the exit codes. What a verb does, and imports, is in its own module."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from framefleet import __version__
from framefleet.cli.output import BAD_USAGE, FAILED, OK, CliError

_STATES = ("queued", "running", "succeeded", "failed", "canceled")

Verb = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command: 0 when it did what was asked, 1 when not, 2 for bad usage or a refused request."""
    options = parser().parse_args(argv, argparse.Namespace(json=False, folder=None))
    module, function = options.verb
    try:
        run: Verb = getattr(importlib.import_module(f"framefleet.cli.{module}"), function)
        return run(options)
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python would complain while flushing at exit.
        sys.stdout = None
        return OK
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return FAILED
    except Exception as error:  # noqa: BLE001 - the shell of the command: what is not an error of ours is raised again
        return _explain(error, as_json=getattr(options, "json", False))


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="framefleet", description="Turn video files into renditions, HLS/DASH, snapshots, sprites and previews."
    )
    top.add_argument("--version", action="version", version=f"framefleet {__version__}")
    verbs = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_local(verbs)
    _add_cluster(verbs)
    return top


def _add_local(verbs: Any) -> None:
    run = _add(verbs, "run", "run.run", "transcode on this machine, no services needed")
    run.add_argument(
        "sources", nargs="+", metavar="SOURCE|TASK",
        help="a file or an http(s) address, several are joined; without --template a request (task.json, - for standard"
        " input), whose addresses may be paths",
    )  # fmt: skip
    _add_templates(run)
    run.add_argument("--output", "-o", required=True, type=Path, metavar="DIR", help="folder for the outputs")
    run.add_argument("--slots", type=_positive, metavar="N", help="subtasks at once (default: one per core)")
    run.add_argument("--name", help="name of the task and of its files (default: the first source's)")
    plan = _add(verbs, "plan", "media.plan", "show the subtasks a request would become, without doing them")
    plan.add_argument(
        "sources", nargs="+", metavar="SOURCE|TASK", help="media, or without --template a request (task.json)"
    )
    _add_templates(plan)
    plan.add_argument("--slots", type=_positive, metavar="N", help="slots the work is cut for (default: one per core)")
    plan.add_argument("-v", "--verbose", action="store_true", help="show the FFmpeg commands too")
    probe = _add(verbs, "probe", "media.probe", "show what is in a media file")
    probe.add_argument("source", metavar="SOURCE", help="a file or an http(s) address")
    _add_template_verbs(verbs)
    _add(verbs, "doctor", "doctor.doctor", "check FFmpeg, encoders and services, and say what to do")
    _add(verbs, "version", "media.version", "show the version")


def _add_template_verbs(verbs: Any) -> None:
    templates = _add(verbs, "templates", "templates.listing", "list the templates; show, create, update or delete one")
    _add_folder(templates)
    actions = templates.add_subparsers(title="actions", metavar="ACTION")
    show = _add(actions, "show", "templates.show", "show a template's settings with every default, as YAML or JSON")
    show.add_argument("name", metavar="NAME[@VERSION]", help="a template; a file of one before it is created")
    for name, text in {
        "create": "create a template of your own",
        "update": "give a template of your own a new version; tasks that run keep theirs",
    }.items():
        write = _add(actions, name, f"templates.{name}", text)
        write.add_argument("name", metavar="NAME")
        write.add_argument("file", metavar="FILE", help="its settings as YAML or JSON; - for standard input")
    delete = _add(actions, "delete", "templates.delete", "take a template of your own out of use; running tasks go on")
    delete.add_argument("name", metavar="NAME")
    for verb in (actions.choices["update"], delete):
        verb.add_argument("--if-version", type=_positive, metavar="N", help="only if N is still the latest version")
    versions = _add(actions, "versions", "templates.versions", "list the versions of a template of your own")
    versions.add_argument("name", metavar="NAME")
    for verb in actions.choices.values():
        _add_folder(verb)
    _add(actions, "schema", "templates.schema", "print the JSON Schema of a request, for editors and other programs")


def _add_folder(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--templates", dest="folder", type=Path, metavar="DIR", default=argparse.SUPPRESS,
        help="folder of your templates (default: the cluster's where FRAMEFLEET_S3_ENDPOINT is set,"
        " else ~/.config/framefleet/templates)",
    )  # fmt: skip


def _add_cluster(verbs: Any) -> None:
    submit = _add(verbs, "submit", "cluster.submit", "submit a task to the cluster (FRAMEFLEET_BROKER_URL)")
    submit.add_argument("file", metavar="FILE", help="the request as JSON; - for standard input")
    submit.add_argument("--wait", action="store_true", help="until the task has ended; exit 1 unless it succeeded")
    submit.add_argument("--timeout", type=_seconds, metavar="S", help="seconds to wait (answer: 30, end: no limit)")
    status = _add(verbs, "status", "cluster.status", "show a task (FRAMEFLEET_REDIS_URL)")
    status.add_argument("id", metavar="ID")
    listing = _add(verbs, "list", "cluster.list_tasks", "list tasks, newest first")
    listing.add_argument("--state", choices=_STATES)
    listing.add_argument("--pipeline")
    listing.add_argument("--limit", type=_positive, default=50, metavar="N")
    watch = _add(verbs, "watch", "cluster.watch", "follow a task to its end; without ID the events of all tasks")
    watch.add_argument("id", metavar="ID", nargs="?")
    watch.add_argument("--pipeline", help="only events of this pipeline (without ID)")
    cancel = _add(verbs, "cancel", "cluster.cancel", "cancel a task")
    cancel.add_argument("id", metavar="ID")
    restart = _add(verbs, "restart", "cluster.restart", "do a task that has ended once more, as a new run")
    restart.add_argument("id", metavar="ID")
    restart.add_argument("--failed", action="store_true", help="only the targets that did not succeed")
    priority = _add(verbs, "priority", "cluster.priority", "give a task another priority, also when it has begun")
    priority.add_argument("id", metavar="ID")
    priority.add_argument("priority", type=int, metavar="N", help="0 to 9, 9 is first")
    for verb, text in {
        "drain": "let a worker or a host take no new work, until undrained",
        "undrain": "let a worker or a host take work again",
    }.items():
        drain = _add(verbs, verb, f"cluster.{verb}", text)
        drain.add_argument(
            "name", metavar="WORKER|HOST", help="as `framefleet workers` shows them: host:pid:slot, or host"
        )
    _add(verbs, "workers", "cluster.workers", "list the live worker slots")
    explain = _add(verbs, "explain", "explain.explain", "say what a task waits for")
    explain.add_argument("id", metavar="ID")
    _add_pipelines(verbs)
    cache = _add(verbs, "cache", "cache.show", "show how much finished work is kept for later tasks, or remove it")
    cache.add_argument("--pipeline", help="only what belongs to this pipeline")
    actions = cache.add_subparsers(title="actions", metavar="ACTION")
    clear = _add(actions, "clear", "cache.clear", "remove it; tasks that run are not affected")
    clear.add_argument("--pipeline", default=argparse.SUPPRESS, help="only what belongs to this pipeline")


def _add_pipelines(verbs: Any) -> None:
    pipelines = _add(verbs, "pipelines", "pipelines.listing", "list the pipelines; set the weight and limits of one")
    actions = pipelines.add_subparsers(title="actions", metavar="ACTION")
    change = _add(
        actions,
        "set",
        "pipelines.change",
        "set a pipeline's weight, limits and default priority; what is not given stays",
    )
    change.add_argument("name", metavar="NAME")
    change.add_argument("--weight", type=_seconds, metavar="W", help="its share of the workers beside other pipelines")
    limits = {"--max-tasks": "most tasks that have begun", "--max-subtasks": "most subtasks that run or are handed out"}
    for option, text in limits.items():
        change.add_argument(option, type=_count, metavar="N", help=f"{text}; 0: no limit")
    change.add_argument(
        "--default-priority",
        type=_priority,
        metavar="N",
        help="0 to 9: of tasks that name none; none: the usual one, 5",
    )
    pause = _add(verbs, "pause", "pipelines.pause", "begin nothing more of a pipeline, or of any; what runs goes on")
    resume = _add(verbs, "resume", "pipelines.resume", "end the pause of a pipeline, or of everything")
    for verb in (pause, resume):
        verb.add_argument("name", metavar="NAME", nargs="?", help="a pipeline; without it everything")


def _add(verbs: Any, name: str, function: str, text: str) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    verb.set_defaults(verb=function.split("."))
    # Not False by default: an action would put its own default over what its verb was given before it.
    verb.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    return verb


def _add_templates(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--template", "-t", dest="templates", action="append", metavar="T", default=None,
        help="what to make: a template's name (see `framefleet templates`), or a file with one (mine.yaml); may be given"
        " several times",
    )  # fmt: skip
    verb.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="[T:]KEY=VALUE",
        help="override a field of the templates, or of template T only, e.g. --set video.crf=21",
    )  # fmt: skip
    _add_folder(verb)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


def _priority(text: str) -> int | str:
    return text if text == "none" else int(text)


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


def _explain(error: Exception, *, as_json: bool) -> int:
    """Print an error of ours and give its exit code; raises any other."""
    from framefleet.cli.output import show_error
    from framefleet.domain.errors import ErrorInfo, FramefleetError, RequestError

    match error:
        case CliError():
            info, code = ErrorInfo(code=error.code, message=error.message, hint=error.hint), error.exit_code
        case FramefleetError():
            info, code = error.info(), BAD_USAGE if isinstance(error, RequestError) else FAILED
        case _:
            raise error
    show_error(info, as_json=as_json)
    return code


if __name__ == "__main__":
    sys.exit(main())
