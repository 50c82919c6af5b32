"""The same work by Pullback and by what one would use instead, in one run, on the same threads.

    python bench/peer/compare.py --pullback build/pullback MODEL [--rank 50] [--json FILE]

Prints a Markdown table: seconds, ratios, and the accuracy of every side, measured with the same
network in double precision. See bench/run for how it is called.
"""

import argparse
import json
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time

import safetensors
import safetensors.numpy
import torch

import expert
import network
import published
import sampling


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr}")
    return json.loads(done.stdout)


def pullback_basis(arguments, rank, folder, *more):
    """Of three runs the one of median seconds; and the vectors."""
    out = folder / f"basis-{rank}{''.join(more)}.safetensors"
    command = [arguments.pullback, "basis", "--model", arguments.model, "--seed", "0", "--t", "0.6"]
    command += ["--steps", "10", "--rank", str(rank), "--tol", str(arguments.tol), "--json"]
    command += ["--no-pictures", "--threads", str(arguments.threads), "-o", out, *more]
    runs = sorted((run(command) for _ in range(3)), key=lambda r: r["seconds"])
    return runs[1], safetensors.numpy.load_file(out)


def pullback_step(arguments, batch, folder):
    """Seconds of one DDIM step: two runs of the program, with few and with many steps."""

    def seconds(steps):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            subprocess.run(
                [arguments.pullback, "sample", "--model", arguments.model, "-n", str(batch)]
                + ["--seed", "0", "--steps", str(steps), "-q", "-o", folder / "x.npy"]
                + ["--threads", str(arguments.threads)],
                check=True,
            )
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    few, many = 2, 2 + arguments.sample_steps
    return (seconds(many) - seconds(few)) / (many - few)


def accuracy(exact, u, s, v):
    """The largest residual in double precision."""
    as_double = lambda a: torch.as_tensor(a).double()
    u, s, v = as_double(u).flatten(1), as_double(s), as_double(v).flatten(1)
    parts = [
        expert.residuals(exact, u[i : i + 10], s[i : i + 10], v[i : i + 10]) * s[i]
        for i in range(0, len(s), 10)
    ]
    return (torch.cat(parts) / s[0]).max().item()


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--pullback", default="build/pullback")
    parser.add_argument("--rank", type=int, default=50)
    parser.add_argument("--tol", type=float, default=1e-3)
    parser.add_argument("--iterations", type=int, default=50, help="of the published algorithm")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sample-steps", type=int, default=10)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows, folder = [], pathlib.Path(tempfile.mkdtemp())

    def add(what, seconds, applications, residual):
        rows.append(dict(what=what, seconds=seconds, applications=applications, residual=residual))
        print(rows[-1], flush=True)

    ours, vectors = pullback_basis(arguments, arguments.rank, folder)
    x = torch.from_numpy(vectors["x"])[None]
    timestep = ours["timestep"]
    h = network.bottleneck(network.load(arguments.model), timestep)
    h64 = network.bottleneck(network.load(arguments.model, torch.float64), timestep)
    exact = expert.Jacobian(h64, x.double())
    add(
        f"Pullback, rank {arguments.rank}",
        ours["seconds"],
        ours["applications"],
        accuracy(exact, vectors["u"], vectors["s"], vectors["v"]),
    )
    for oversampling in (10, 50):
        u, s, v, seconds, applications = expert.basis(
            h, x, arguments.rank, arguments.tol, oversampling
        )
        add(
            f"expert's PyTorch, rank {arguments.rank}, oversampling {oversampling}",
            seconds,
            applications,
            accuracy(exact, u, s, v),
        )
    u, s, v, seconds = published.basis(h, x, arguments.rank, arguments.iterations)
    add(
        f"published algorithm, rank {arguments.rank}, {arguments.iterations} iterations",
        sum(seconds),
        2 * arguments.rank * arguments.iterations,
        accuracy(exact, u, s, v),
    )
    two, vectors = pullback_basis(arguments, 2, folder)
    add(
        "Pullback, rank 2",
        two["seconds"],
        two["applications"],
        accuracy(exact, vectors["u"], vectors["s"], vectors["v"]),
    )
    u, s, v, seconds = published.basis(h, x, 2, 11)
    add("published algorithm, rank 2, 11 iterations", sum(seconds), 44, accuracy(exact, u, s, v))
    for batch in (1, 16):
        add(f"Pullback, a DDIM step, batch {batch}", pullback_step(arguments, batch, folder), 0, 0)
        step = sampling.seconds_per_step(
            pathlib.Path(arguments.model), batch, arguments.sample_steps
        )
        add(f"diffusers, a DDIM step, batch {batch}", step, 0, 0)

    print(f"\n{arguments.model}, {time.strftime('%Y-%m-%d')}, {processor()}, ", end="")
    print(f"{arguments.threads} threads, PyTorch {torch.__version__}\n")
    print("| | seconds | times ours | applications | largest residual |\n|---|---|---|---|---|")
    base = None
    for row in rows:
        base = row["seconds"] if row["what"].startswith("Pullback") else base
        counts = f"{row['applications']} | {row['residual']:.1e}" if row["applications"] else " | "
        print(f"| {row['what']} | {row['seconds']:.3f} | {row['seconds'] / base:.1f} | {counts} |")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
