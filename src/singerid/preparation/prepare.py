"""From recordings to a store: `prepare` finds new and changed recordings, and extracts them in parallel.

The store mirrors the tracks that it was last prepared from. A recording is identified by the SHA-256 of
its bytes; while its size and time of change stay the same, it counts as unchanged.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from pathlib import Path

import torch

from singerid.config import ACCOMPANIMENT, MIN_SECONDS, MIXTURE, VOCALS, FeatureConfig
from singerid.data.datasets.registry import DATASETS
from singerid.data.splits import Split
from singerid.data.tracks import Track, read_manifest, scan_tree
from singerid.encoders.encoder import Encoder
from singerid.errors import Failure, SingeridError
from singerid.preparation.duplicates import SameSound, drop_duplicates
from singerid.preparation.on_ray import Elsewhere
from singerid.preparation.sources import Source, read_sources, unchanged_source
from singerid.preparation.worker import Extracted, Extraction, Job, too_short
from singerid.sound.features import DEFAULT_FEATURES, seconds_to_frames
from singerid.sound.listing import OnFailure
from singerid.sound.melody.contour import Tracker
from singerid.sound.separation.separators import Separator
from singerid.store.arrays import encoder_part, f0_of, features_of, vectors_of, waveform_of
from singerid.store.index import StoredTrack
from singerid.store.writer import StoreWriter, open_writer
from singerid.system.console import progress
from singerid.system.devices import CPU
from singerid.system.processes import WorkerDied, each_in_processes
from singerid.system.processors import usable_processors

# Starting a process takes about as long as extracting this many bytes of recordings: 10 songs.
_BYTES_A_WORKER = 48_000_000
_name = attrgetter("name")
Scan = Callable[[Path, OnFailure | None], tuple[Track, ...]]


@dataclass(frozen=True)
class FoundTracks:
    """What `find_tracks` found.

    Attributes:
        root: the folder that the tracks' paths are relative to.
        tracks: sorted by path.
        failures: files that look like tracks but are none, and why.
        deviations: differences from the data set that it should be.
        split: the split that comes with the data set, if there is one.
    """

    root: Path
    tracks: tuple[Track, ...]
    failures: tuple[Failure, ...]
    deviations: tuple[Failure, ...] = ()
    split: Split | None = None


@dataclass(frozen=True)
class PrepareReport:
    """What `prepare` did.

    Attributes:
        done: number of tracks extracted now.
        unchanged: number of tracks that were in the store already.
        removed: number of tracks taken out: no longer in the tree, or no longer usable.
        failures: recordings that could not be used, and why, sorted.
        warnings: recordings that are in the store though they are damaged or cut short, sorted.
    """

    done: int
    unchanged: int
    removed: int
    failures: tuple[Failure, ...]
    warnings: tuple[Failure, ...]


def find_tracks(
    tree: Path | str, manifest: Path | str | None = None, dataset: str | None = None
) -> FoundTracks:
    """The tracks of a tree laid out singer/album/track, of a manifest, or of a data set.

    Args:
        tree: the folder of the recordings.
        manifest: CSV file with the columns path, singer and album; without it the tree is scanned.
        dataset: name in `DATASETS` of the data set in the tree; its root is found in any of its layouts.
            A manifest's paths are relative to the root that is found.

    Raises:
        SingeridError: as for `data.tracks.scan_tree` and `read_manifest`; or there is no data set of that
            name, the tree does not hold it, or a file that comes with it is damaged. A split that cannot
            be made from these tracks is no error, but one of the deviations.
    """
    tree, manifest = Path(tree), None if manifest is None else Path(manifest)
    failures: list[Failure] = []

    def tracks_of(root: Path, scan: Scan) -> tuple[Track, ...]:
        find = partial(read_manifest, manifest) if manifest else scan
        return find(root, failures.append)

    if dataset is None:
        tracks = tracks_of(tree, scan_tree)
        return FoundTracks(tree, tracks, tuple(failures))
    known = DATASETS[dataset]
    root = known.root(tree)
    tracks = tracks_of(root, known.tracks)
    deviations = list(known.deviations(root, tracks))
    split = None
    try:
        split = known.split(root, tracks)
    except SingeridError as error:  # features can be made without it
        deviations.append(f"no split: {error}")
    told = tuple(Failure(dataset, deviation) for deviation in deviations)
    return FoundTracks(root, tracks, tuple(failures), told, split)


def prepare(
    tracks: Iterable[Track],
    root: Path | str,
    store_path: Path | str,
    config: FeatureConfig = DEFAULT_FEATURES,
    *,
    workers: int | None = None,
    min_seconds: float = MIN_SECONDS,
    check_contents: bool = False,
    unlisted: Sequence[Failure] = (),
    device: torch.device = CPU,
    separator: Separator | None = None,
    trackers: Sequence[Tracker] = (),
    encoders: Sequence[Encoder] = (),
    waveform: bool = False,
    show_progress: bool = False,
    elsewhere: Elsewhere | None = None,
) -> PrepareReport:
    """Bring a store up to date with the recordings of some tracks.

    Unchanged recordings keep their features; new or changed ones are extracted; tracks that are no longer
    in `tracks` are taken out. Vocals, melody and vectors that are in the store stay, even if this call does
    not ask for them; if one of them cannot be made, the track stays without it. Of recordings with the same
    bytes or the same sound one is kept, or none if they are under several singers. A recording that cannot
    be opened this time keeps its features. A call that is killed loses only the tracks that it was working
    on; on a cluster, those of the loads that had not come back.

    Args:
        tracks: the tracks that the store shall hold.
        root: the folder that their paths are relative to.
        store_path: the store's folder; made when missing.
        config: how features are made.
        workers: number of processes; 1: only this process; None: one per CPU, fewer if there is little to
            do. More than one need a main module that can be imported (`if __name__ == "__main__":`).
        min_seconds: recordings shorter than a clip of this length are left out.
        check_contents: read every recording, even if its size and time of change are the same.
        unlisted: files and folders that could not be listed (`FoundTracks.failures`): their tracks in the
            store stay, and they are among the report's failures.
        device: where spectrograms are made; those of a GPU differ from those of the CPU by rounding.
        separator: takes the vocals out of the mixtures; the features of both parts are stored beside those
            of the mixture.
        trackers: follow the melody of the mixture, and of the vocals if they are separated.
        encoders: make vectors of the mixture, and of the vocals if they are separated.
        waveform: also store the waveform of the mixture, and of its parts if they are separated, for
            networks that read it and for audits of vectors.
        show_progress: draw progress bars on standard error.
        elsewhere: a cluster that extracts; None: processes of this machine extract.

    Raises:
        SingeridError: the store cannot be used or written (see `open_writer`), holds the tracks of
            another tree, or vocals, melody or vectors made by something else; or an encoder needs another
            sample rate.
        ValueError: the sample rate of the separator is not that of the features.
    """
    root, store_path = Path(root), Path(store_path)
    if not 0 <= min_seconds < math.inf:
        raise SingeridError(f"`min_seconds` must be a finite number of seconds, not {min_seconds}")
    if separator is not None and separator.sample_rate != config.sample_rate:
        raise ValueError(f"a separator at {separator.sample_rate} Hz for features at {config.sample_rate} Hz")
    for encoder in encoders:
        if encoder.listener.sample_rate != config.sample_rate:
            raise SingeridError(
                f"{encoder.name}: hears sound at {encoder.listener.sample_rate} Hz, a store's is "
                f"at {config.sample_rate} Hz; choose another `encoder`"
            )
    by_part = {encoder_part(encoder.address, encoder.identity): encoder for encoder in encoders}
    tracks = sorted(tracks, key=attrgetter("path"))
    with ExitStack() as stack, open_writer(store_path, config) as writer:
        stored = dict(writer.tracks)
        if tracks and stored and stored.keys().isdisjoint(track.id for track in tracks):
            raise SingeridError(
                f"{store_path}: holds the tracks of another tree, none of {root}; "
                "give another folder as STORE"
            )
        identities = {part: encoder.identity for part, encoder in by_part.items()}
        writer.claim(separator, trackers, identities)
        remembered = {} if check_contents else stored
        threads = workers or usable_processors()
        with ThreadPoolExecutor(threads) as pool:
            looked = list(pool.map(partial(unchanged_source, root=root, known=remembered), tracks))
        unread = [track for track, source in zip(tracks, looked, strict=True) if source is None]
        if elsewhere is None:
            read = read_sources(unread, root, threads)
        else:
            if unread:
                stack.enter_context(elsewhere.connected())
            read = elsewhere.sources(unread, root)
        found = progress(read, "Reading", len(unread), show_progress)
        inspected = [*filter(None, looked), *found]
        sources = [item for item in inspected if isinstance(item, Source)]
        sources.sort(key=lambda source: source.track.path)
        unreadable = [*unlisted, *(item for item in inspected if isinstance(item, Failure))]
        kept, duplicates = drop_duplicates(sources)
        work = Extraction(
            root,
            writer.incoming,
            config,
            min_seconds,
            device,
            separator,
            tuple(sorted(trackers, key=_name)),
            by_part,
        )
        known, pending, short = _compare(kept, writer, work, waveform)
        for track in known:
            if track != stored[track.id]:  # other labels, or only another time of change
                writer.enter(track)
        unchanged = {track.id for track in known} - {job.source.track.id for job in pending}
        outcomes: Iterable[tuple[Job, Extracted | Failure | WorkerDied]]
        if elsewhere is not None:
            outcomes = elsewhere.extracted(pending, work)
        else:
            outcomes = each_in_processes(
                work, pending, usual_workers(pending, work) if workers is None else workers
            )
        failures, incomplete = [*unreadable, *duplicates, *short], list[Failure]()
        same_sound, done = SameSound(writer, known), set[str]()
        for job, outcome in progress(outcomes, "Extracting", len(pending), show_progress):
            match outcome:
                case Extracted():
                    incomplete += outcome.failures
                    made = _stored(job.source, outcome)
                    features = outcome.arrays.get(features_of(MIXTURE))
                    if outcome.arrays and (features is None or same_sound.admit(made, features)):
                        writer.put(made, outcome.arrays)
                        done.add(made.id)
                case WorkerDied() if job.keeps_mixture:
                    reason = (
                        "its process died making vocals, melody or vectors; if memory is too small, lower "
                        "`workers`"
                    )
                    incomplete.append(Failure(job.source.track.path, reason))
                case WorkerDied():
                    reason = "crashes the decoder; convert or remove it"
                    failures.append(Failure(job.source.track.path, reason))
                case Failure():
                    (incomplete if job.keeps_mixture else failures).append(outcome)
        failures += same_sound.failures()

        wanted = {track.path for track in tracks} - {failure.path for failure in failures}
        gone = [
            track.id
            for track in writer.tracks.values()
            if track.path not in wanted and not _is_below(track.path, unreadable)
        ]
        writer.remove(gone)
        warnings = [Failure(track.path, track.warning) for track in writer.tracks.values() if track.warning]
        there = writer.tracks.keys()
        counts = len(done & there), len(unchanged & there), len(stored.keys() - there)
    failures += incomplete
    return PrepareReport(*counts, tuple(sorted(failures)), tuple(sorted(warnings)))


def _compare(
    sources: Iterable[Source], writer: StoreWriter, work: Extraction, waveform: bool
) -> tuple[list[StoredTrack], list[Job], list[Failure]]:
    """Tracks that the store has of these recordings, jobs to do, and recordings known to be too short."""
    wanted = _wanted(work, waveform)
    known, pending, short = [], [], []
    for source in sources:
        stored = writer.tracks.get(source.track.id)
        if stored is None or stored.source_hash != source.source_hash:
            pending.append(Job(source, None, wanted))
            continue
        if stored.frames < seconds_to_frames(work.min_seconds, writer.config):
            short.append(Failure(stored.path, too_short(stored.duration_s, work.min_seconds)))
            continue
        missing = frozenset(name for name in wanted if not writer.has(stored, name))
        track = replace(
            stored,
            singer=source.track.singer,
            album=source.track.album,
            source_mtime_ns=source.source_mtime_ns,
        )
        known.append(track)
        if missing:
            pending.append(Job(source, track, missing))
    return known, pending, short


def _wanted(work: Extraction, waveform: bool) -> frozenset[str]:
    """Names of the arrays that every track shall have."""
    sung = [MIXTURE] if work.separator is None else [MIXTURE, VOCALS]
    heard = sung if work.separator is None else [*sung, ACCOMPANIMENT]
    names = [features_of(part) for part in heard]
    names += [features_of(waveform_of(part)) for part in heard if waveform]
    names += [f0_of(part, tracker.name) for part in sung for tracker in work.trackers]
    names += [vectors_of(part, encoder) for part in sung for encoder in work.encoders]
    return frozenset(names)


def usual_workers(jobs: Sequence[Job], work: Extraction) -> int:
    """Number of processes worth starting; one for networks on a GPU, as each would load its own copy."""
    if work.separator is None and not work.trackers and not work.encoders:
        size = sum(job.source.source_size for job in jobs)
        worthwhile = min(len(jobs), 1 + size // _BYTES_A_WORKER)
    else:
        worthwhile = 1 if work.device.type == "cuda" else 1 + len(jobs)
    return min(usable_processors(), worthwhile)


def _stored(source: Source, extracted: Extracted) -> StoredTrack:
    return StoredTrack(
        path=source.track.path,
        singer=source.track.singer,
        album=source.track.album,
        duration_s=extracted.duration_s,
        frames=extracted.frames,
        source_hash=source.source_hash,
        source_size=source.source_size,
        source_mtime_ns=source.source_mtime_ns,
        warning=extracted.warning,
    )


def _is_below(path: str, places: Iterable[Failure]) -> bool:
    return any(path == place.path or path.startswith(f"{place.path}/") for place in places)
