"""The fairness picture, as SVG. Pure: values in, text out."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from bench.simulate import Job

WIDTH, HEIGHT = 1200, 760
COLORS = {"one": "#4269d0", "two": "#efb118", "four": "#3ca951"}
WITH, WITHOUT, BOUND = "#3ca951", "#d62728", "#555"


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown. Seconds."""

    late: list[Job]
    course: dict[str, list[tuple[float, float]]]
    """Pipeline -> (time, core-seconds begun until then)."""
    weights: dict[str, float]
    aged: list[Job]
    unaged: list[Job]
    ageing: float
    length: float
    """How long the stream of urgent work lasted."""


def draw(picture: Picture) -> str:
    """The whole picture."""
    body = _shares(picture) + _ageing(picture) + _flood(picture)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="13">'
    return f'{head}\n<rect width="100%" height="100%" fill="white"/>\n{body}</svg>\n'


def _text(x: float, y: float, said: str, *, anchor: str = "start", color: str = "#222", size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}">{escape(said)}</text>\n'


def _line(x1: float, y1: float, x2: float, y2: float, color: str = "#bbb", dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"{dashed}/>\n'


def _shares(picture: Picture) -> str:
    """Core-seconds over time of three pipelines, and where their weights would have them."""
    left, top, width, height = 80, 60, 460, 300
    end = max(line[-1][0] for line in picture.course.values())
    total = sum(line[-1][1] for line in picture.course.values())
    top_value = max(line[-1][1] for line in picture.course.values()) * 1.05
    out = _text(left, top - 25, "Pipelines with weights 1 : 2 : 4, all with work waiting", size=16)
    out += _axes(left, top, width, height)
    for i in range(5):
        y = top + height - height * i / 4
        out += _text(left - 8, y + 4, f"{top_value * i / 4:,.0f}", anchor="end")
        out += _text(left + width * i / 4, top + height + 18, f"{end * i / 4:,.0f} s", anchor="middle")
    out += _text(left, top - 6, "core-seconds begun; dashed: what the weight is due", color=BOUND)
    for name, line in picture.course.items():
        step = max(1, len(line) // 300)
        shown = [*line[::step], line[-1]]
        points = " ".join(
            f"{left + width * t / end:.1f},{top + height - height * done / top_value:.1f}" for t, done in shown
        )
        out += f'<polyline points="{points}" fill="none" stroke="{COLORS[name]}" stroke-width="2.5"/>\n'
        due = total * picture.weights[name] / sum(picture.weights.values())
        y = top + height - height * due / top_value
        out += _line(left, top + height, left + width, y, BOUND, "5 4")
        out += _text(left + width + 6, y + 4, f"weight {picture.weights[name]:g}", color=COLORS[name])
    return out


def _ageing(picture: Picture) -> str:
    """Waits of low priorities under a stream of the highest, with and without ageing."""
    left, top, width, height = 710, 60, 430, 300
    out = _text(left, top - 25, "One task of each priority under an endless stream of 9", size=16)
    out += _text(left, top - 6, "seconds until it begins", color=BOUND) + _axes(left, top, width, height)

    def y(seconds: float) -> float:
        return top + height - height * min(seconds, picture.length) / picture.length

    for i in range(5):
        out += _text(left - 8, y(picture.length * i / 4) + 4, f"{picture.length * i / 4:,.0f}", anchor="end")
    step = width / len(picture.aged)
    for aged, unaged in zip(picture.aged, picture.unaged, strict=True):
        x = left + step * aged.priority + step * 0.1
        for offset, job, color in ((0.0, aged, WITH), (step * 0.4, unaged, WITHOUT)):
            bar = y(job.wait)
            out += _bar(x + offset, bar, step * 0.38, top + height - bar, color)
        bound = y(picture.ageing * (9 - aged.priority))
        out += _bar(x - 2, bound - 1.2, step * 0.4 + 2, 2.4, "black")
        out += _text(x + step * 0.4, top + height + 18, str(aged.priority), anchor="middle")
    out += _text(left + width / 2, top + height + 36, "priority", anchor="middle")
    legend = ((WITH, "with ageing"), (WITHOUT, "without: never in two hours"), ("black", "(9 - p) x 600 s"))
    for i, (color, said) in enumerate(legend):
        out += _bar(left + 10 + (0, 110, 320)[i], top + height + 46, 12, 12, color)
        out += _text(left + 27 + (0, 110, 320)[i], top + height + 57, said)
    return out


def _flood(picture: Picture) -> str:
    """Waits behind ten thousand chunks."""
    left, top, width = 260, 510, 700
    longest = max(max(job.wait / job.seconds for job in picture.late) * 1.1, 1.0)
    out = _text(
        80, top - 25, "10,000 chunks of priority 5 in the pipeline batch; tasks that come later begin after", size=16
    )
    for i, job in enumerate(picture.late):
        y, waited = top + i * 40, job.wait / job.seconds
        out += _text(left - 10, y + 18, f"{job.name}, at {job.created:,.0f} s", anchor="end")
        out += _bar(left, y, width * waited / longest, 26, COLORS["one"])
        out += _text(left + width * waited / longest + 8, y + 18, f"{waited:.2f} times a chunk's time")
    return out


def _bar(x: float, y: float, width: float, height: float, color: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"/>\n'


def _axes(left: float, top: float, width: float, height: float) -> str:
    return _line(left, top, left, top + height) + _line(left, top + height, left + width, top + height)
