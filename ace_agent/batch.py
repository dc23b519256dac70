"""One plan over many pictures, with a report on each; here, or over a Ray cluster."""

from __future__ import annotations

import hashlib
import os
import re
import string
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from ace_agent.agent import Agent
from ace_agent.engines.interface import Pipeline
from ace_agent.engines.presets import MINI
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import AceError, InputError, PlanError
from ace_agent.execution.inputs import file_name
from ace_agent.files import write_file
from ace_agent.plan import Plan, check

FIELDS = ("stem", "name", "folder", "index", "variation")
MEMORY = ".ace"
"""Folder inside the results' folder with the memory of the runs, which `resume` goes on from."""

Load = Callable[[], Pipeline]


@dataclass(frozen=True)
class FileReport:
    """The outcome for one picture; `outputs` are the files written."""

    file: Path
    status: Literal["done", "skipped", "failed"]
    message: str = ""
    outputs: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class _Job:
    """Everything one picture's run needs; can be pickled.

    `apart`: use a separate store, because processes on different machines cannot share SQLite's log.
    """

    plan: Plan
    file: Path
    outputs: tuple[Path, ...]
    memory: Path
    apart: bool
    folder: Path
    allow: tuple[Path, ...]
    model: str
    runtime: Runtime
    retries: int
    resume: bool
    force: bool
    metadata: bool
    load: Load | None


def map_plan(
    plan: Plan,
    files: Sequence[Path],
    out_dir: Path,
    *,
    template: str = "{stem}.png",
    resume: bool = False,
    retries: int = 1,
    force: bool = False,
    allow: Iterable[Path] = (),
    folder: Path | None = None,
    model: str = MINI,
    runtime: Runtime | None = None,
    ray: bool = False,
    metadata: bool = True,
    load: Load | None = None,
    report: Callable[[FileReport], None] | None = None,
) -> list[FileReport]:
    """Run the plan on each file, as `input`, and write the results to `out_dir`.

    `template` names the results by {stem}, {name}, {folder}, {index} (from 1) and {variation} (over all
    results of one file). A failing file does not stop the others; it is retried `retries` times, from the
    failed step. `resume` skips files whose results all exist. `load` builds the pipeline, once per process
    (default: `model` with `runtime`). Raises, before any work, if the plan cannot run, the model does not
    support the runtime, two files share a result name, or a result exists (unless `force` or `resume`).
    """
    runtime = runtime or Runtime()
    if load is None:
        runtime.check_for(model)
    plan = plan.with_variables()
    check(plan, images=(), inputs=1)
    if not plan.steps or plan.goto is not None:
        raise PlanError("a plan over many pictures needs steps, and no goto")
    names = _names(plan, files, out_dir, template)
    taken = [path for paths in names for path in paths if path.exists()]
    if taken and not (force or resume):
        more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        raise InputError(f"{taken[0]}{more} exists already", "--resume goes on, --force writes over")
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out_dir} cannot be created: {error.strerror}", "choose another folder") from None
    jobs = [
        _Job(
            plan, file.absolute(), tuple(path.absolute() for path in outputs), (out_dir / MEMORY).absolute(), ray,
            (folder or Path.cwd()).absolute(), tuple(path.absolute() for path in allow), model, runtime, retries,
            resume, force, metadata, load,
        )
        for file, outputs in zip(files, names, strict=True)
    ]  # fmt: skip
    reports = []
    for file, own, made in zip(files, names, _spread(jobs) if ray else map(_one, jobs), strict=True):
        reports.append(replace(made, file=file, outputs=_strings(own) if made.outputs else ()))
        if report is not None:
            report(reports[-1])
    return reports


def _names(plan: Plan, files: Sequence[Path], out_dir: Path, template: str) -> list[tuple[Path, ...]]:
    """The result paths of each file."""
    try:
        used = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise InputError(
            f"{template!r} is no template: {error}", "for example {stem}-{variation}.png"
        ) from None
    if used - set(FIELDS):
        wrong = "{" + sorted(used - set(FIELDS))[0] + "}"
        raise InputError(
            f"{template!r} has {wrong}", f"it may have {', '.join('{' + f + '}' for f in FIELDS)}"
        )
    if not template.lower().endswith(".png"):
        raise InputError(f"{template!r} does not end in .png", "results are PNG")
    count = sum(plan.steps[index].variations for index in plan.outputs())
    if count > 1 and "variation" not in used:
        template = template[:-4] + "-{variation}" + template[-4:]
    seen: dict[Path, Path] = {}
    names = []
    for index, file in enumerate(files, 1):
        own = []
        for variation in range(1, count + 1):
            name = template.format(
                stem=file.stem,
                name=file.name,
                folder=file.absolute().parent.name,
                index=index,
                variation=variation,
            )
            path = out_dir / name
            if not path.resolve().is_relative_to(out_dir.resolve()):
                raise InputError(f"{name} would leave {out_dir}", "a template stays in its folder")
            if path in seen:
                raise InputError(
                    f"{seen[path]} and {file} would both become {path}", "use {index} or {folder} in --name"
                )
            seen[path] = file
            own.append(path)
        names.append(tuple(own))
    return names


_PIPELINES: dict[object, Pipeline] = {}


def _one(job: _Job) -> FileReport:
    """Run one file; failures become a report."""
    start = time.perf_counter()
    if job.resume and all(path.exists() for path in job.outputs):
        return FileReport(job.file, "skipped", "its results are there already", _strings(job.outputs))
    message = ""
    for attempt in range(job.retries + 1):
        try:
            results, notes = _results(job, again=attempt > 0 or job.resume)
            for png, path in zip(results, job.outputs, strict=True):
                if not (job.resume and path.exists()):
                    write_file(path, png, force=job.force)
            return FileReport(job.file, "done", notes, _strings(job.outputs), time.perf_counter() - start)
        except (InputError, PlanError) as error:
            return FileReport(job.file, "failed", str(error), (), time.perf_counter() - start)
        except Exception as error:  # any failure of one file must not stop the others
            expected = isinstance(error, (AceError, OSError, RuntimeError))
            line = str(error).partition("\n")[0]
            message = line if line and expected else f"{type(error).__name__}: {line}".rstrip(": ")
    tries = f" ({job.retries + 1} tries)" if job.retries else ""
    return FileReport(job.file, "failed", message + tries, (), time.perf_counter() - start)


def _results(job: _Job, again: bool) -> tuple[list[bytes], str]:
    """The PNGs and notes of the file's turn. Each file has its own conversation, so that none sees another's
    history. `again` resumes an earlier attempt."""
    key = job.load.__qualname__ if job.load is not None else (job.model, job.runtime)
    if key not in _PIPELINES and job.load is not None:
        _PIPELINES[key] = job.load()
    mark = hashlib.sha256(os.fsencode(job.file) + f"\0{job.plan.to_json()}".encode()).hexdigest()[:10]
    stem = re.sub(r"[^A-Za-z0-9]+", "-", job.file.stem).strip("-")[:40] or "picture"
    name = f"{stem}-{mark}"
    memory = job.memory / name if job.apart else job.memory
    agent = Agent(
        memory, conversation=name, model=job.model, pipeline=_PIPELINES.get(key), **asdict(job.runtime)
    )
    try:
        if again and agent.unfinished():
            turn = agent.resume()
        elif again and agent.turns():
            turn = agent.turns()[-1]
        else:
            if agent.turns():
                agent.undo(len(agent.turns()))
            turn = agent.run(
                job.plan, [job.file], request=file_name(job.file), folder=job.folder, allow=job.allow
            )
        _PIPELINES[key] = agent.pipeline
        return [picture.png(job.metadata) for picture in turn.images], "; ".join(turn.notes)
    finally:
        agent.close()


def _spread(jobs: list[_Job]) -> Iterator[FileReport]:
    """Run the jobs on a Ray cluster, the running one or a new local one; reports come in the order of the
    files.

    The files, the plan's files and the output folder must have the same paths on every machine.
    """
    try:
        import ray
    except ImportError:
        raise InputError("--ray needs Ray, which is not installed", "pip install 'ace-agent[ray]'") from None
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, include_dashboard=False)
    try:
        work = ray.remote(_one)
        pending = [work.remote(job) for job in jobs]
        for job, result in zip(jobs, pending, strict=True):
            try:
                yield ray.get(result)
            except ray.exceptions.RayError as error:
                yield FileReport(job.file, "failed", f"its worker died: {type(error).__name__}")
    finally:
        if started:
            ray.shutdown()


def _strings(paths: Iterable[Path]) -> tuple[str, ...]:
    return tuple(str(path) for path in paths)
