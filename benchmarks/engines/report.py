"""Results of the engines: Markdown tables and a plot."""

import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.engines.backends import CANVAS, MATRIX_SIDE, OURS, QUANTIZED, STOCK
from benchmarks.engines.scoring import Score
from benchmarks.measure import ratio
from core.runtime.cpu import cpu_features
from core.types import UInt8Array

PACKAGES = ("tensorflow", "tensorflow-cpu", "onnxruntime", "tf2onnx", "openvino", "nncf", "ai-edge-litert")
# A grey that is legible on white and on black, and blue for our engines.
GREY, BLUE = "#808890", "#3584e4"


@dataclass
class Result:
    """Measurements of one engine. Keys are the long side in pixels, and the shape of the photo."""

    name: str
    seconds_to_load: float
    peak_megabytes: float = 0
    labels: dict[tuple[int, str], UInt8Array] = field(default_factory=dict)
    times: dict[tuple[int, str], list[float]] = field(default_factory=dict)  # milliseconds, by round
    scores: dict[int, Score] = field(default_factory=lambda: defaultdict(Score))
    failed: set[int] = field(default_factory=set)


@dataclass
class PeakSpeed:
    """The peak speed of the machine at one precision: that of a product of two large matrices.

    `multiply_adds` is the number of multiply-adds in the graph's convolutions.
    """

    precision: str
    multiply_adds: int
    times: list[float] = field(default_factory=list)  # milliseconds of the product, by round

    def milliseconds(self) -> list[float]:
        """Return the milliseconds that the graph would take at peak speed, by round."""
        return [time * self.multiply_adds / MATRIX_SIDE**3 for time in self.times]


def pick(results: list[Result], name: str) -> Result:
    """Return the result of the engine `name`."""
    [result] = (result for result in results if result.name == name)
    return result


def report(results: list[Result], peaks: list[PeakSpeed], threads: int, runs: int) -> Iterator[str]:
    """Yield the lines of the report in Markdown."""
    stock = pick(results, STOCK)
    shapes = list(dict.fromkeys(shape for _, shape in stock.times))
    versions = {package.name.replace("_", "-"): package.version for package in distributions()}
    packages = ", ".join(f"{name} {versions[name]}" for name in PACKAGES if name in versions)
    units = ", ".join(f"{statistics.median(stock.times[CANVAS, shape]):.0f} ms ({shape})" for shape in shapes)
    yield f"{processor()}, {threads} threads; {packages}.\n"
    yield f"Times: ratios to the stock graph's at {CANVAS} pixels, medians (quartiles) of {runs} rounds. 1 is {units}."
    yield "Labels equal: pixels with the stock graph's label. Start: from a new process to its first label map."
    for size in sorted({size for result in results for size, _ in result.times}):
        yield f"\n### IMAGE_SIZE {size}\n"
        yield f"| engine | {' | '.join(shapes)} | labels equal | mean IoU | peak memory | start |"
        yield "| --- |" + " --- |" * (len(shapes) + 4)
        for result in results:
            times = ["fails"] * len(shapes)
            if size not in result.failed:
                times = [str(ratio(result.times[size, shape], stock.times[CANVAS, shape])) for shape in shapes]
            score = result.scores[size]
            yield (
                f"| {result.name} | {' | '.join(times)} | {percent(score.agreement)} | {percent(score.mean_iou)} "
                f"| {result.peak_megabytes:.0f} MB | {result.seconds_to_load:.1f} s |"
            )
    if all(result.name != QUANTIZED for result in results):
        yield f"\n{QUANTIZED}: not measured, because its calibration needs photos (--voc)."
    yield ""
    for peak in peaks:
        yield from peak_lines(peak, results)


def peak_lines(peak: PeakSpeed, results: list[Result]) -> Iterator[str]:
    """Yield the fraction of the peak speed that each of our engines reaches on the photo that fills the canvas."""
    flops = 2 * MATRIX_SIDE**3 / statistics.median(peak.times) * 1000
    share = ratio(peak.milliseconds(), pick(results, STOCK).times[CANVAS, "square"])
    yield (
        f"- {peak.precision}: at the {flops / 1e12:.2f} TFLOPS of a {MATRIX_SIDE} x {MATRIX_SIDE} matrix product, the "
        f"{peak.multiply_adds / 1e9:.2f} G multiply-adds of the {CANVAS} canvas take {share}."
    )
    for result in results:
        if result.name in OURS and peak.precision in result.name:
            reached = ratio(peak.milliseconds(), result.times[CANVAS, "square"])
            yield f"  - {result.name}, on the square photo, reaches {reached} of that speed."


def percent(value: float | None) -> str:
    """Return a percentage as text, or a dash if there is none."""
    return "-" if value is None else f"{value:.2f} %"


def processor() -> str:
    """Return the name of this machine's processor, with its instruction sets that speed up convolutions.

    They are those that ONEDNN_MAX_CPU_ISA allows.
    """
    facts = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    values = {name.strip(): value.strip() for name, value in facts.items()}
    useful = ("avx2", "avx_vnni", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    found = [name for name in useful if name in cpu_features()]
    return f"{values.get('model name', 'unknown processor')} ({', '.join(found)})"


def draw(results: list[Result], path: Path, shape: str = "4:3") -> None:
    """Write a plot (SVG, transparent) of the times and the mean IoU at CANVAS pixels, fastest engine first."""
    # Not at the top of the module: only --plot needs it.
    import matplotlib  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    key = CANVAS, shape
    times = {result.name: ratio(result.times[key], pick(results, STOCK).times[key]) for result in results}
    bars = sorted(results, key=lambda result: times[result.name].median)
    # Text instead of outlines makes a small file. Without random identifiers, the same results give the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "", "text.color": GREY}):
        figure = Figure(figsize=(8, 0.36 * len(bars) + 0.6), layout="constrained")
        axes = figure.subplots()
        for row, result in enumerate(bars):
            time, score = times[result.name], result.scores[CANVAS].mean_iou
            color = BLUE if result.name in OURS else GREY
            axes.barh(row, time.median, 0.7, color=color)
            axes.plot([time.low, time.high], [row, row], color=GREY, linewidth=4, alpha=0.5)
            text = f"{time.median:.2f}" + ("" if score is None else f", mean IoU {score:.1f}")
            axes.text(max(time.high, time.median) + 0.01, row, text, color=color, va="center")
        axes.set_yticks(range(len(bars)), [result.name for result in bars])
        axes.set_xlabel(f"time, stock graph = 1 ({shape} photo, {CANVAS} pixels)", color=GREY)
        axes.set_xlim(0, 1.35 * max(time.high for time in times.values()))
        axes.invert_yaxis()
        axes.spines[:].set_visible(False)
        axes.tick_params(colors=GREY, length=0)
        figure.savefig(path, transparent=True, metadata={"Date": None})
