"""`framefleet`: the parser, the dispatch and the exit codes. What a verb does, and imports, is in its own module."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framefleet import __version__
from framefleet.cli.output import BAD_USAGE, FAILED, OK, CliError

_STATES = ("queued", "running", "succeeded", "failed", "canceled")
_ROLES = ("viewer", "producer", "admin")
_KEY_WANTED = "Set FRAMEFLEET_KEY to ID:SECRET of a key in force, or FRAMEFLEET_KEY_FILE to a file with it."

Verb = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command: 0 when it did what was asked, 1 when not, 2 for bad usage or a refused request."""
    options = parser().parse_args(argv, argparse.Namespace(json=False, folder=None, data=None))
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
    serve = _add(verbs, "serve", "serve.serve", "serve the HTTP API, with scheduler and workers, in one process")
    serve.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder in which everything is kept")
    serve.add_argument("--host", help="address to listen on (default: FRAMEFLEET_API_HOST, else 127.0.0.1)")
    serve.add_argument("--port", type=_port, help="port; 0: any free one (default: FRAMEFLEET_API_PORT, else 8080)")
    serve.add_argument("--slots", type=_positive, metavar="N", help="subtasks at once (default: one per core)")
    serve.add_argument(
        "--files", type=Path, action="append", default=[], metavar="DIR",
        help="allow file:// addresses below this folder; may be given several times",
    )  # fmt: skip
    plan = _add(verbs, "plan", "media.plan", "show the subtasks a request would become, without doing them")
    plan.add_argument(
        "sources", nargs="+", metavar="SOURCE|TASK", help="media, or without --template a request (task.json)"
    )
    _add_templates(plan)
    plan.add_argument("--slots", type=_positive, metavar="N", help="slots the work is cut for (default: one per core)")
    plan.add_argument("-v", "--verbose", action="store_true", help="show the FFmpeg commands too")
    _add_placing(plan)
    probe = _add(verbs, "probe", "media.probe", "show what is in a media file")
    probe.add_argument("source", metavar="SOURCE", help="a file or an http(s) address")
    for verb in (plan, probe):
        verb.add_argument(
            "--server", metavar="URL", default=argparse.SUPPRESS,
            help="let this HTTP API look, with the key of FRAMEFLEET_KEY, not this machine; files are sent there first",
        )  # fmt: skip
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
    _add_server(templates, *actions.choices.values())
    _add(actions, "schema", "templates.schema", "print the JSON Schema of a request, for editors and other programs")


def _add_folder(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--templates", dest="folder", type=Path, metavar="DIR", default=argparse.SUPPRESS,
        help="folder of your templates (default: the cluster's where FRAMEFLEET_S3_ENDPOINT is set,"
        " else ~/.config/framefleet/templates)",
    )  # fmt: skip


def _add_cluster(verbs: Any) -> None:
    submit = _add_submit(verbs)
    status = _add(verbs, "status", "cluster.status", "show a task (FRAMEFLEET_REDIS_URL or _SERVER)")
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
    log = _add(verbs, "log", "log.log", "show what a subtask's attempt ran: its commands and their last lines")
    log.add_argument("id", metavar="ID")
    log.add_argument("n", metavar="N", nargs="?", type=_positive, help="a subtask (default: those that have failed)")
    log.add_argument("--attempt", type=_positive, metavar="A", help="its number (default: the latest that left a log)")
    _add_files(verbs)
    _add_pipelines(verbs)
    _add_storages(verbs)
    _add_keys(verbs)
    _add_deliveries(verbs)
    audit = _add(verbs, "audit", "audit.audit", "show who changed what, the newest first")
    audit.add_argument("--since", type=_moment, metavar="TIME", help="only then or later, e.g. 2026-01-02T03:04:05Z")
    audit.add_argument("--limit", type=_positive, default=50, metavar="N")
    _add_data(audit)
    _add_server(audit)
    cache = _add(verbs, "cache", "cache.show", "show how much finished work is kept for later tasks, or remove it")
    cache.add_argument("--pipeline", help="only what belongs to this pipeline")
    _add_server(submit, status, listing, watch, cancel, restart, priority, explain, log)
    _add_server(*(verbs.choices[name] for name in ("drain", "undrain", "workers", "pause", "resume")))
    actions = cache.add_subparsers(title="actions", metavar="ACTION")
    clear = _add(actions, "clear", "cache.clear", "remove it; tasks that run are not affected")
    clear.add_argument("--pipeline", default=argparse.SUPPRESS, help="only what belongs to this pipeline")


def _add_submit(verbs: Any) -> argparse.ArgumentParser:
    submit = _add(
        verbs, "submit", "submission.submit", "submit a task to the cluster (FRAMEFLEET_BROKER_URL or _SERVER)"
    )
    submit.add_argument(
        "sources", nargs="+", metavar="SOURCE|TASK",
        help="a request as JSON (- for standard input); with --template addresses or, over HTTP, files, which are sent first",
    )  # fmt: skip
    _add_template_options(submit)
    _add_placing(submit)
    submit.add_argument("--name", help="name of the task and of its files (default: the first source's)")
    submit.add_argument(
        "--download", type=Path, metavar="DIR", help="wait, and fetch what was made (only over HTTP); see `download`"
    )
    submit.add_argument("--wait", action="store_true", help="until the task has ended; exit 1 unless it succeeded")
    submit.add_argument("--timeout", type=_seconds, metavar="S", help="seconds to wait (answer: 30, end: no limit)")
    return submit


def _add_files(verbs: Any) -> None:
    upload = _add(verbs, "upload", "files.upload", "send a file to a server and print its address as a source")
    upload.add_argument("file", metavar="FILE", help="run again, it goes on where it stopped")
    download = _add(verbs, "download", "files.download", "fetch what a task has made; run again, it goes on")
    download.add_argument("id", metavar="ID")
    download.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="only this one (default: all that succeeded, in folders of their names)",
    )
    download.add_argument("--output", "-o", required=True, type=Path, metavar="DIR", help="folder for the files")
    _add_server(upload, download)


def _add_storages(verbs: Any) -> None:
    storages = _add(verbs, "storages", "storages.listing", "list the storages; show, set, delete or check one")
    _add_data(storages)
    actions = storages.add_subparsers(title="actions", metavar="ACTION")
    for name, text in {
        "show": "show a storage's settings",
        "set": "make a storage, or change one; in force everywhere after 3 s",
        "delete": "take a storage out of use; running tasks still find it, and what is in it stays",
        "check": "write, read, list and remove a small object in a storage, from this machine or the server's",
    }.items():
        verb = _add(actions, name, f"storages.{name}", text)
        verb.add_argument("name", metavar="NAME")
        _add_data(verb)
        if name == "set":
            verb.add_argument("file", metavar="FILE", help="its settings as YAML or JSON; - for standard input")
        if name in {"set", "delete"}:
            verb.add_argument("--if-version", type=_positive, metavar="N", help="only if N is still the latest version")
    _add_server(storages, *actions.choices.values())


def _add_deliveries(verbs: Any) -> None:
    text = "list the events on their way to webhooks; show one, send it once more, or remove it"
    deliveries = _add(verbs, "deliveries", "deliveries.listing", text)
    deliveries.add_argument("--state", choices=("waiting", "delivered", "dead"), help="default: waiting")
    deliveries.add_argument("--task", metavar="ID", help="only those of this task, whatever their state")
    deliveries.add_argument("--limit", type=_positive, default=50, metavar="N", help="so many at most (default: 50)")
    actions = deliveries.add_subparsers(title="actions", metavar="ACTION")
    show = _add(actions, "show", "deliveries.show", "show a delivery with its tries")
    replay = _add(
        actions, "replay", "deliveries.replay", "send an event once more; without an id all that were given up"
    )
    replay.add_argument("--host", metavar="HOST:PORT", help="only those to this receiver")
    remove = _add(actions, "remove", "deliveries.remove", "never send an event")
    show.add_argument("id", metavar="DELIVERY")
    replay.add_argument("id", metavar="DELIVERY", nargs="?")
    remove.add_argument("id", metavar="DELIVERY")
    _add_server(deliveries, show, replay, remove)


def _add_keys(verbs: Any) -> None:
    keys = _add(verbs, "keys", "keys.listing", "list the keys of the HTTP API; create, renew or revoke one")
    _add_data(keys)
    actions = keys.add_subparsers(title="actions", metavar="ACTION")
    create = _add(actions, "create", "keys.create", "create a key and print its secret, once")
    create.add_argument(
        "--role", choices=_ROLES, required=True, help="what it may do; each role may do what those before may"
    )
    create.add_argument("--name", help="who or what uses it")
    create.add_argument(
        "--pipeline",
        dest="pipelines",
        action="append",
        metavar="P",
        help="only for this pipeline; may be given several times",
    )
    create.add_argument(
        "--rate",
        type=int,
        metavar="N",
        help="requests per second it may send to one server (default: FRAMEFLEET_API_RATE of the server)",
    )
    create.add_argument(
        "--signs", action="store_true", help="it signs requests of the clouds' SDKs: its secret is kept, sealed"
    )
    create.add_argument(
        "--action",
        dest="actions",
        action="append",
        metavar="A",
        help="only for these operations of the clouds' dialects, e.g. imm:* or vod:DescribeTaskDetail, and for nothing else;"
        " may be given several times",
    )
    for name, text in {
        "rotate": "give a key another secret; the old one is good for nothing any more",
        "revoke": "take a key out of force for ever",
    }.items():
        _add(actions, name, f"keys.{name}", text).add_argument("id", metavar="KEY")
    for verb in actions.choices.values():
        _add_data(verb)
    _add_server(keys, *actions.choices.values())


def _add_data(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--data", type=Path, metavar="DIR", default=argparse.SUPPRESS,
        help="folder of a `framefleet serve` (default: the cluster's work bucket, FRAMEFLEET_S3_ENDPOINT)",
    )  # fmt: skip


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
    _add_server(pipelines, change)
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


def _add_server(*verbs: argparse.ArgumentParser) -> None:
    for verb in verbs:
        verb.add_argument(
            "--server", metavar="URL", default=argparse.SUPPRESS,
            help="use this HTTP API, with the key of FRAMEFLEET_KEY (default: FRAMEFLEET_SERVER, else the services themselves)",
        )  # fmt: skip


def _add_placing(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--output", "-o", metavar="ADDRESS",
        help="with --template: folder for the outputs, e.g. s3://out/film (default, over HTTP: a new one in the storage `outputs`)",
    )  # fmt: skip
    verb.add_argument("--pipeline", help="with --template: whose work it is (default: default)")


def _add_templates(verb: argparse.ArgumentParser) -> None:
    _add_template_options(verb)
    _add_folder(verb)


def _add_template_options(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--template", "-t", dest="templates", action="append", metavar="T", default=None,
        help="what to make: a template's name (see `framefleet templates`), or a file with one (mine.yaml); may be given"
        " several times",
    )  # fmt: skip
    verb.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="[T:]KEY=VALUE",
        help="override a field of the templates, or of template T only, e.g. --set video.crf=21",
    )  # fmt: skip


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


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("must be 0 to 65535")
    return number


def _priority(text: str) -> int | str:
    return text if text == "none" else int(text)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


def _explain(error: Exception, *, as_json: bool) -> int:
    """Print an error of ours and give its exit code; raises any other."""
    from framefleet.cli.output import show_error
    from framefleet.domain.errors import ErrorInfo, FramefleetError, RequestError, Unauthenticated

    match error:
        case CliError():
            info, code = ErrorInfo(code=error.code, message=error.message, hint=error.hint), error.exit_code
        case FramefleetError():
            info, code = error.info(), BAD_USAGE if isinstance(error, RequestError) else FAILED
            if error.code == Unauthenticated.code:  # the server's hint is for those who write headers
                info = info.model_copy(update={"hint": _KEY_WANTED})
        case _:
            raise error
    show_error(info, as_json=as_json)
    return code


if __name__ == "__main__":
    sys.exit(main())
