"""`singerid reproduce --smoke`: the whole chain on a corpus so small that the numbers mean nothing."""

from pathlib import Path

from singerid.config import SMOKE_CORPUS, ReproduceConfig
from singerid.data.synthetic.corpus import write_corpus
from singerid.data.tracks import scan_tree
from singerid.encoders.registry import open_encoder
from singerid.errors import SingeridError
from singerid.models.registry import MODELS
from singerid.preparation.prepare import prepare
from singerid.reproduce.plan import require_usable
from singerid.reproduce.protocols import reads_vectors
from singerid.reproduce.run import CORPUS, STORE, locked_out, require_out
from singerid.reproduce.tables import audited, cells
from singerid.sound.melody.trackers import open_tracker
from singerid.sound.separation.separators import open_separator


def make_smoke_store(out: Path, config: ReproduceConfig, show_progress: bool = False) -> Path:
    """Make the synthetic corpus under `out`, and a store of it with what the tables need.

    Vocals are the true stems, the melody is by crepe-tiny. Everything is done in this process.

    Returns:
        The store's folder.

    Raises:
        SingeridError: `out` cannot be written, holds something else or is in use, a setting cannot be used,
            or an extra is not installed.
    """
    require_usable(config)
    require_out(out)
    with locked_out(out):
        return _make(out / CORPUS, out / STORE, config, show_progress)


def _make(corpus: Path, store: Path, config: ReproduceConfig, show_progress: bool) -> Path:
    needed = cells(config)
    melody = any("melody" in MODELS[cell.network].inputs for cell in needed)
    encoded = any(reads_vectors(cell) for cell in needed)
    vocals = any(cell.audio != "mixture" or audited(cell, config) for cell in needed)
    trackers = [open_tracker("crepe-tiny")] if melody else []
    write_corpus(corpus, SMOKE_CORPUS, workers=1, show_progress=show_progress)
    tree = corpus / "mixture"
    report = prepare(
        scan_tree(tree),
        tree,
        store,
        workers=1,
        separator=open_separator("stems", tree=tree, stems=corpus) if vocals else None,
        trackers=trackers,
        encoders=[open_encoder(config.encoder)] if encoded else [],
        waveform=encoded,
        show_progress=show_progress,
    )
    if report.failures:
        raise SingeridError(f"{report.failures[0]}; delete {corpus.parent} and run it again")
    return store
