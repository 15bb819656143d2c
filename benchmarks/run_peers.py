"""Measure tfrc and every other runtime on every model of the zoo, interleaved.

    python benchmarks/run_peers.py WORK [--models mlp] [--batches 1] [--threads 1] [--rounds 3]

One round measures all runtimes on one (model, batch, threads) one after the other, each in a fresh
process, so that a slow spell of the machine falls on all of them; the next begins with the second
of them. A process is measured again where it found less than whole processors (class `Processors`).
Later rounds leave out what took `--again` times as long as the fastest in the first. The
result of a runtime is the median over its rounds of the median time of a run. Adds to
results/peers.json, on a machine of another kind to a file of its own; another program of tfrc takes
the place of the earlier one there. report.py makes the tables. What does not build is named and
left out.
"""

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
PYTHON_PEERS = ("litert", "ort", "openvino", "tf_saved", "tf_frozen", "tf_xla")
RUST_PEERS = ("tfrc", "rten", "tract")
MODELS = (
    "mlp",
    "malware_conv1d",
    "mnist_cnn",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "resnet50",
    "transformer_encoder",
    "lstm_classifier",
)
RUST_TYPE = {"float32": "F32", "int32": "I32", "int64": "I64"}


def arrays(folder: Path, batch: int, side: str) -> dict[str, Any]:
    """The inputs (`in`) or expected outputs (`out`) of a model."""
    prefix = f"b{batch}.{side}."
    with np.load(folder / "io.npz") as file:
        return {k.removeprefix(prefix): file[k] for k in file.files if k.startswith(prefix)}


def manifest(folder: Path, batch: int) -> Path:
    """The inputs as raw files, which the Rust programs read."""
    raw = folder / f"raw_b{batch}"
    path = raw / "manifest.txt"
    raw.mkdir(exist_ok=True)
    lines: list[str] = []
    for i, (name, value) in enumerate(arrays(folder, batch, "in").items()):
        value.tofile(raw / f"{i}.bin")
        lines.append(f"{name} {value.dtype} {','.join(map(str, value.shape))} {i}.bin\n")
    path.write_text("".join(lines))
    return path


def build_tfrc(folder: Path, target: Path) -> Path:
    """Compile the frozen graph with tfrc, and a program that drives the crate; the program."""
    crate, driver = folder / "tfrc_crate", folder / "tfrc_peer"
    command = [Path(sys.executable).parent / "tfrc", "compile", folder / "frozen.pb"]
    command += ["--emit", "rust", "-o", crate, "--force", "-O2"]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    feeds = arrays(folder, 1, "in")
    package = f"tfrc_{folder.name}"
    shutil.rmtree(driver, ignore_errors=True)
    (driver / "src").mkdir(parents=True)
    name = next(
        line.split('"')[1]
        for line in (crate / "Cargo.toml").read_text().splitlines()
        if line.startswith("name")
    )
    (driver / "Cargo.toml").write_text(
        f'[package]\nname = "{package}"\nversion = "0.1.0"\nedition = "2024"\n\n[workspace]\n\n'
        f"[dependencies]\nprotocol = {{ path = {json.dumps(str(HERE / 'rust/protocol'))}, "
        f'features = ["allocations"] }}\nmodel = {{ path = "../tfrc_crate", package = "{name}" }}'
        '\n\n[profile.release]\nopt-level = 3\nlto = "thin"\nstrip = true\n'
    )
    source = (crate / "src/lib.rs").read_text()
    method = re.search(r"pub fn predict\(\s*&mut self,(.*?)\) ->", source, re.DOTALL)
    assert method is not None, "the crate has one signature"
    names = list(feeds)  # the crate may have its inputs in another order
    arguments = ", ".join(
        f"job.inputs[{names.index(name)}].{RUST_TYPE[str(feeds[name].dtype)].lower()}()"
        for name in re.findall(r"(\w+): &\[", method[1])
    )
    output = re.search(r"pub (\w+): &'session \[f32\]", source)
    assert output is not None, "the crate has an output of float32"
    (driver / "src/main.rs").write_text(
        "//! Drives a crate that tfrc made, with the protocol of the other runtimes.\n\n"
        "fn main() {\n    let job = protocol::Job::from_args();\n"
        "    let model = model::Model::new();\n"
        "    let mut session = model.session(job.batch()).with_threads(job.threads);\n"
        "    job.drive(|output| {\n        output.clear();\n"
        f'        let outputs = session.predict({arguments}).expect("predict");\n'
        f"        output.extend_from_slice(outputs.{output[1]});\n    }});\n}}\n"
    )
    environment = os.environ | {"CARGO_TARGET_DIR": str(target)}
    command = ["cargo", "build", "--release", "-q", "--manifest-path", str(driver / "Cargo.toml")]
    subprocess.run(command, check=True, env=environment)
    return target / "release" / package


def build_rust(package: str, target: Path) -> Path:
    """Build a program of the folder rust, another runtime's or a tool."""
    manifest_path = HERE / f"rust/{package}/Cargo.toml"
    environment = os.environ | {"CARGO_TARGET_DIR": str(target)}
    command = ["cargo", "build", "--release", "-q", "--manifest-path", str(manifest_path)]
    subprocess.run(command, check=True, env=environment)
    return target / "release" / package


def outrank(nice: int) -> None:
    """Lower the nice value of this process and those that it starts.

    Where sessions are scheduled as groups, its group's too. (Between fork and exec of each process
    that it starts, Python would have to copy its own page tables: 3 ms of a start of 12.)
    """
    if nice:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        try:
            Path("/proc/self/autogroup").write_text(str(nice))
        except OSError:
            return


@contextmanager
def busy(count: int, nice: int) -> Generator[None]:
    """Processes that compute meanwhile, as other work on the machine does: not of our `nice`."""
    command = ["nice", "-n", str(-nice), sys.executable, "-c", "while True: pass"]
    loads = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for load in loads:
            load.kill()
            load.wait()


def measure(
    command: list[str], folder: Path, batch: int, threads: int, options: Any
) -> dict[str, Any]:
    """One process: its JSON, its start-up time and its largest error; or `failed`."""
    dump = folder / "output.bin"
    dump.unlink(missing_ok=True)
    environment = os.environ | {
        "RAYON_NUM_THREADS": str(threads),
        "RTEN_NUM_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
    }
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, str(dump)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    first: float | None = None
    line = ""
    for line in process.stdout:
        if line.strip() == "first":
            first = time.monotonic() - began
    _, errors = process.communicate(timeout=options.limit)
    if process.returncode or first is None:
        return {"failed": (errors.strip().splitlines() or ["no output"])[-1][:300]}
    expected = next(iter(arrays(folder, batch, "out").values()))
    actual = np.fromfile(dump, np.float32)
    if actual.size != expected.size:
        return {"failed": f"output has {actual.size} elements, not {expected.size}"}
    off = np.abs(actual.reshape(expected.shape).astype(np.float64) - expected).max()
    return json.loads(line) | {"cold_s": first, "error": float(off / np.abs(expected).max())}


class Processors:
    """Whether this machine's processors are whole.

    Those of a virtual machine are hyperthreads: for seconds, two of them are one core's, or others
    compute on the same cores. A runtime that fills the core's units loses more then than one that
    waits: up to half of its speed.
    """

    WHOLE = 0.93
    """The share of the best rate from which on nobody else takes part: medians vary by 5 %."""
    PATIENCE = 15.0
    """Seconds to wait for whole processors before a process."""
    TRIES = 4
    """Processes that are begun for one record, at most; the least disturbed one is kept."""

    def __init__(self, program: Path) -> None:
        self.program = program
        self.best = max(self.rate(1) for _ in range(10))

    def rate(self, threads: int) -> float:
        """The operations of the slowest of so many threads at once, in 10⁹ per second."""
        command = [str(self.program), "0.1", str(threads)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def share(self, threads: int) -> float:
        """That rate, as a share of the best one that was seen."""
        rate = self.rate(threads)
        self.best = max(self.best, rate)
        return rate / self.best

    def undisturbed(self, threads: int, record: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A record with the share of the processors that was there before and behind it."""
        records: list[dict[str, Any]] = []
        while len(records) < self.TRIES:
            deadline = time.monotonic() + self.PATIENCE
            while (before := self.share(threads)) < self.WHOLE and time.monotonic() < deadline:
                pass
            made = record()
            made["processors"] = round(min(before, self.share(threads)), 3)
            records.append(made)
            if "failed" in made or made["processors"] >= self.WHOLE:
                return made
        return max(records, key=lambda record: record["processors"])


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = Path("/proc/cpuinfo").read_text()
    field = {k.strip(): v.strip() for k, _, v in (row.partition(":") for row in cpu.splitlines())}
    return {
        "cpu": field.get("model name", "unknown"),
        "model": f"family {field.get('cpu family')} model {field.get('model')}",
        "cores": os.cpu_count(),
        "avx512": "avx512f" in field.get("flags", ""),
    }


def results_of_this_machine(measurement: str) -> Path:
    """The file with results of a measurement on such a machine, or a new one."""
    model = machine()["model"]
    for path in sorted((HERE / "results").glob(f"{measurement}*.json")):
        if json.loads(path.read_text())["machine"]["model"] == model:
            return path
    return HERE / f"results/{measurement}_{model.replace(' ', '_')}.json"


def parser(about: str | None, **defaults: Any) -> argparse.ArgumentParser:
    """The arguments of a measurement, some with other defaults."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="the zoo's folder")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--peers", default=",".join((*RUST_PEERS, *PYTHON_PEERS)))
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--again", type=float, default=1.5, help="how far behind is measured again")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds for each process")
    parser.add_argument("--limit", type=int, default=300, help="seconds before giving up")
    parser.add_argument("--load", type=int, default=0, help="busy processes meanwhile")
    parser.add_argument("--nice", type=int, default=0, help="negative to outrank other load")
    parser.add_argument("--built", action="store_true", help="use what an earlier run has built")
    parser.add_argument("--peers-python", default=sys.executable, help="where the runtimes are")
    parser.set_defaults(**defaults)
    return parser


def run(options: argparse.Namespace) -> None:
    """Measure what the options name, and add it to the results."""
    outrank(options.nice)
    target = options.work / "target"
    began = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
    known = json.loads(options.results.read_text()) if options.results.exists() else {}
    if known.setdefault("machine", machine())["model"] != machine()["model"]:
        raise SystemExit(
            f"{options.results} is of another machine ({known['machine']['model']}): "
            "name another file with --results"
        )
    processors = None if options.load else Processors(build_rust("processors", target))
    peers = options.peers.split(",")
    beside = f" beside {options.load} busy" if options.load else ""
    for model in options.models.split(","):
        folder = options.work / model
        programs: dict[str, Path] = {}
        for peer in (p for p in peers if p in RUST_PEERS):
            built = target / "release" / (f"tfrc_{model}" if peer == "tfrc" else f"{peer}_peer")
            if options.built and built.exists():
                programs[peer] = built
                continue
            try:
                programs[peer] = (
                    build_tfrc(folder, target)
                    if peer == "tfrc"
                    else build_rust(f"{peer}_peer", target)
                )
            except (subprocess.CalledProcessError, OSError, StopIteration) as error:
                print(f"{model}: {peer} was not built: {error}", file=sys.stderr)
        digest = sha256(programs["tfrc"].read_bytes()).hexdigest() if "tfrc" in programs else ""
        for batch in map(int, options.batches.split(",")):
            for threads in map(int, options.threads.split(",")):
                first: dict[str, float] = {}
                for round_ in range(options.rounds):
                    limit = options.again * min(first.values(), default=0.0)
                    # Each round begins with another: the first of a line is slower at times.
                    turn = round_ % len(peers)
                    for peer in peers[turn:] + peers[:turn]:
                        if round_ > 0 and first.get(peer, math.inf) > limit:
                            continue
                        if peer in programs:
                            source = folder / f"model_b{batch}.onnx"
                            command = [programs[peer], manifest(folder, batch), source, threads]
                            command += [options.budget]
                        elif peer in PYTHON_PEERS:
                            command = [options.peers_python, HERE / "worker.py", peer, folder]
                            command += ["--batch", batch, "--threads", threads]
                            command += ["--budget", options.budget, "--dump"]
                        else:
                            continue
                        command = list(map(str, command))
                        measured = partial(measure, command, folder, batch, threads, options)
                        if processors:
                            record = processors.undisturbed(threads, measured)
                        else:
                            with busy(options.load, options.nice):
                                record = measured()
                        record["round"] = f"{began}, {round_ + 1}"
                        if peer in programs:
                            record["program_mib"] = programs[peer].stat().st_size / 2**20
                        key = f"{model}/b{batch}/t{threads}{beside}/{peer}"
                        rounds = known.setdefault(key, [])
                        if peer == "tfrc":
                            record["program"] = digest
                            rounds[:] = [r for r in rounds if r.get("program") == digest]
                        rounds.append(record)
                        if round_ == 0:
                            first[peer] = record.get("median_ms", math.inf)
                        print(
                            key, record.get("failed") or f"{record['median_ms']:.3f} ms", flush=True
                        )
                options.results.parent.mkdir(exist_ok=True)
                options.results.write_text(json.dumps(known, indent=1))


if __name__ == "__main__":
    run(parser(__doc__, results=results_of_this_machine("peers")).parse_args())
