"""Rows: conversion without contours, which must not read Contour Data."""

import math
import statistics
import time

from imaging_selection.dicom.file import open_dataset
from imaging_selection.dicom.rtstruct.contours import parse_contours
from imaging_selection.errors import ImagingSelectionError
from imaging_selection.host.jobs import convert
from imaging_selection.mapping.choices import Choices
from imaging_selection.objects import ids_of
from support.reading import parse_structure_set

from bench.inputs import POINTS, structure_set, synthetic
from bench.readers import UnreadableError, readers
from bench.rows import Row, judge

FAMILY = "Converting without contours"
SECONDS_A_ROI, SECONDS_A_FILE = 0.6e-3, 3e-3
MINIMUM_RATIO = 80
EVEN = 1.1  # ten times the points may take so much longer, because of noise


def rows(lab):
    """Time every real file, then show that Contour Data is not read."""
    paths = lab.real() or [synthetic(lab.cache, size) for size in lab.scale.synthetic]
    lab.say(f"converting {len(paths)} files")
    with readers(lab, "convert", "naive") as ways:
        times = {}
        for path in paths:
            try:
                ways["convert"](path)
                each = [ways["convert"](path).cpu for _ in range(lab.scale.fast_rounds)]
            except UnreadableError:
                continue  # the plugin refuses this file, so there is nothing to time
            times[path] = statistics.median(each)
        yield _allowance(times)
        yield _against_naive(lab, ways)
        yield _without_contour_data(lab, ways)


def _allowance(times):
    used = {}
    for path, seconds in times.items():
        count = len(parse_structure_set(path.read_bytes()).rois)
        used[path.name] = seconds / (SECONDS_A_FILE + SECONDS_A_ROI * count)
    worst = max(used, key=used.__getitem__)
    above = sum(each > 1 for each in used.values())
    mean = math.exp(statistics.fmean(map(math.log, used.values())))
    return Row(
        FAMILY,
        "share of the allowed time",
        "0.6 ms a ROI + 3 ms a file",
        f"{mean:.2f} (geometric mean of {len(used)} files), worst {used[worst]:.2f},"
        f" {above} files above 1",
        judge(met=above == 0),
        {"by_file": used, "seconds": {p.name: t for p, t in times.items()}},
    )


def _against_naive(lab, ways):
    named = [path for path in lab.real() if path.name.endswith("core__rtss.dcm")]
    path = named[0] if named else synthetic(lab.cache, 2)
    ours = [ways["convert"](path).cpu for _ in range(lab.scale.fast_rounds)]
    theirs = [ways["naive"](path).cpu for _ in range(lab.scale.slow_rounds)]
    ratio = statistics.median(theirs) / statistics.median(ours)
    return Row(
        FAMILY,
        "naive path with coordinates, so many times as long as ours"
        f" ({'rtss, 2 MB, 10 ROIs' if named else 'synthetic, 2 MB'})",
        f">= {MINIMUM_RATIO} x",
        f"{ratio:.0f} x ({statistics.median(ours) * 1e3:.1f} ms and"
        f" {statistics.median(theirs) * 1e3:.0f} ms)",
        judge(met=ratio >= MINIMUM_RATIO),
        {"ratio": ratio, "ours": ours, "naive": theirs},
    )


def _without_contour_data(lab, ways):
    """Overwrite Contour Data, and take ten times as much: neither may matter."""
    few, many = _same_contours(lab)
    same = all(map(_is_blind, (few, *lab.real())))
    rounds = max(5, lab.scale.fast_rounds)
    times = {path: [] for path in (few, many)}
    for _ in range(rounds):
        for path, each in times.items():
            each.append(ways["convert"](path).cpu - _reading(path))
    ratio = statistics.median(times[many]) / statistics.median(times[few])
    return Row(
        FAMILY,
        "Contour Data is not read",
        f"same resources without it; ten times the points <= {EVEN} x the time",
        f"{'same' if same else 'OTHER'} resources; {ratio:.2f} x the time",
        judge(met=same and ratio <= EVEN),
        {"same": same, "ratio": ratio},
    )


def _same_contours(lab):
    """Return two structure sets of as many contours, one with ten times the points."""
    large = lab.scale.synthetic[1]
    many = synthetic(lab.cache, large, points=10 * POINTS)
    few = lab.cache / "inputs" / f"few-{large}.dcm"
    if not few.exists():
        rois = parse_contours(open_dataset(many.read_bytes()))
        few.write_bytes(structure_set(sum(len(roi.contours) for roi in rois)))
    return few, many


def _reading(path):
    """Return the processor time of reading a file into memory."""
    begun = time.process_time()
    path.read_bytes()
    return time.process_time() - begun


def _is_blind(path):
    """Return whether a file converts to the same with its coordinates overwritten."""
    file = path.read_bytes()
    try:
        dataset = open_dataset(file)
        spans = [
            contour.data
            for roi in parse_contours(dataset)
            for contour in roi.contours
            if contour.data
        ]
        ids = ids_of(parse_structure_set(file))
        expected = convert(file, ids, Choices())
    except ImagingSelectionError:
        return True
    if dataset.data is not file:  # deflated: the spans are not offsets in the file
        return True
    spoilt = bytearray(file)
    for span in spans:
        spoilt[span.start : span.end] = b"x" * (span.end - span.start)
    return convert(bytes(spoilt), ids, Choices()) == expected


PARTS = (rows,)
