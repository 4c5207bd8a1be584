"""The tables: medians over the rounds, ratios to each peer, and what was to be reached."""

import statistics

# kind of job -> columns: key of the figure, heading, format
COLUMNS = {
    "load": [("wall", "wall s", "%.3f"), ("cpu", "CPU s", "%.3f"), ("pss", "PSS MiB", "%.1f"),
             ("trouble", "trouble", "%.0f")],
    "rate": [("rate", "per s", "%.0f"), ("cpu", "CPU ms", "%.3f"), ("pss", "PSS MiB", "%.1f")],
    "idle": [("held", "KiB each", "%.2f"), ("kept", "kept KiB", "%.2f"),
             ("rest", "CPU s/s", "%.2f"), ("pss", "PSS MiB", "%.1f")],
    "start": [("ms", "ms", "%.1f"), ("pss", "PSS MiB", "%.1f")],
    "config": [("wall", "wall s", "%.2f"), ("cpu", "CPU s", "%.2f"), ("pss", "RSS MiB", "%.0f")],
}
RATIOS = {"load": ("cpu", "wall"), "rate": ("rate", "cpu"), "idle": ("held",),
          "start": ("ms", "pss"), "config": ()}
# the figure whose spread over the rounds is shown
PRIMARY = {"load": "cpu", "rate": "rate", "idle": "held", "start": "ms", "config": "cpu"}
NAMES = {"cpu": "CPU", "wall": "wall", "held": "KiB each", "kept": "kept KiB", "ms": "ms",
         "pss": "PSS MiB", "rate": "rate"}


def medians(rounds):
    """Figure by figure, of the rounds of one contestant."""
    return {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}


def ratio(ours, theirs):
    return ours / theirs if theirs else None


def cell(value, pattern="%.2f"):
    return "-" if value is None else pattern % value


def spread(rounds, key):
    """How far the rounds lie apart, as a part of the median: what the machine's noise did."""
    values = [r[key] for r in rounds]
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if len(values) > 1 and middle else None


def heading(job, count):
    per = f", per {job.per[0]}" if job.per[0] and job.kind == "load" else ""
    return f"{job.name}: {job.title}{per}; median of {count} round{'' if count == 1 else 's'}"


def rows(job, results, rounds, ours, about):
    """The table as lists of text, the heading first."""
    columns, ratios = COLUMNS[job.kind], RATIOS[job.kind]
    yield ["", *(title for _, title, _ in columns), "spread",
           *(f"ours/it {NAMES[key]}" for key in ratios), ""]
    our = results.get(ours)
    for name, figures in results.items():
        scale = 1000 if job.kind == "rate" else 1
        line = [name]
        for key, _, pattern in columns:
            line.append(cell(figures[key] * (scale if key == "cpu" else 1), pattern))
        line.append(cell(spread(rounds[name], PRIMARY[job.kind]), "%.2f"))
        for key in ratios:
            line.append(cell(ratio(our[key], figures[key]) if our and name != ours else None))
        yield line + [about.get(name, "")]


def verdicts(job, results, ours):
    """One line for each figure that is to be reached."""
    for reach in job.reach:
        goal = f"{NAMES[reach.metric]} {'>=' if reach.least else '<='} {reach.limit:g}"
        if reach.peer:
            goal += f" x {reach.peer}"
        if ours not in results or reach.peer and reach.peer not in results:
            yield {"goal": goal, "value": None, "met": None}
            continue
        value = results[ours][reach.metric]
        if reach.peer:
            value = ratio(value, results[reach.peer][reach.metric])
        met = value is not None and (
            value >= reach.limit if reach.least else value <= reach.limit)
        yield {"goal": goal, "value": value, "met": met}


def print_table(lines):
    lines = list(lines)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        texts = [line[0].ljust(widths[0])]
        texts += [text.rjust(width) for text, width in zip(line[1:-1], widths[1:-1])]
        print("  " + "  ".join(texts + [line[-1]]).rstrip())


def print_job(job, results, rounds, notes, ours, about):
    print(heading(job, max([len(r) for r in rounds.values()], default=0)))
    if results:
        print_table(rows(job, results, rounds, ours, about))
    for name, note in notes.items():
        print(f"  {name}: {note}")
    for verdict in verdicts(job, results, ours):
        if verdict["met"] is None:
            print(f"  reach {verdict['goal']}: not measured")
        else:
            print(f"  reach {verdict['goal']}: {verdict['value']:.2f}, "
                  + ("met" if verdict["met"] else "NOT met"))
    print(flush=True)
