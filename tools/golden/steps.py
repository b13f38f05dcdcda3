"""The steps of both versions: commands of singerid on small material, and the results that are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from golden import reading
from golden.reading import Reader

SINGERID = "from singerid.cli import main; main()"
NOISE = """
import json, sys, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
noise = 0.1 * numpy.random.default_rng(0).standard_normal((1, 150_000), dtype=numpy.float32)
numpy.save(sys.argv[2], session.run(["probabilities"], {"waveform": noise})[0])
print(json.dumps(session.get_modelmeta().custom_metadata_map))
"""
CPU = ("--device", "cpu", "--threads", "1")
SOME_FAILED = 3  # exit code


@dataclass(frozen=True)
class Step:
    """A process that both versions run, each in the folder of its results.

    Attributes:
        name: name of the step, and prefix of its results' names; the part before the first slash is a group.
        arguments: arguments of the command line.
        after: names of steps that come first.
        makes: paths in the folder of results, which are removed before the step begins.
        copies: (folder, its copy), copied before the step begins; the copy is one of `makes`.
        reads: functions that read the results, by name, of the finished step.
        json: whether standard output is JSON, and a result; otherwise it is a message.
        ends_with: exit code that is expected of the base.
        program: the program that Python runs.
        given: a text that changes when input that another version made changes.
    """

    name: str
    arguments: tuple[str, ...]
    after: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    copies: tuple[tuple[str, str], ...] = ()
    reads: tuple[Reader, ...] = ()
    json: bool = False
    ends_with: int = 0
    program: str = SINGERID
    given: str = ""

    @property
    def group(self) -> str:
        """The name of its group, for --only."""
        return self.name.split("/")[0]


@dataclass(frozen=True)
class Material:
    """Recordings that both versions read, all given by absolute paths.

    Attributes:
        corpus: synthetic songs with stems.
        others: recordings of many kinds.
        weights: weights of `hsieh-artist20`; None: that network is not tested.
        songs: real recordings for that network.
    """

    corpus: Path
    others: Path
    weights: Path | None = None
    songs: tuple[Path, ...] = ()


CORPUS = "--singers 4 --albums 3 --songs 1 --seconds 12 --seed 0 --workers 1"


@dataclass(frozen=True)
class Trained:
    """How one of the runs is made and used.

    Attributes:
        options: options of `train`, beside those of `TRAINING`.
        store: the store that it learns from.
        identify: options of `identify`.
        few: whether it identifies only a few files, because that takes long.
    """

    options: str
    store: str = "stems"
    identify: str = ""
    few: bool = False


# Two epochs of small batches of short clips, and batch norm with fast statistics: then the networks give
# different answers for different clips, some with high confidence, so that votes and timelines are tested.
TRAINING = "--epochs 2 --batch-size 4 --learning-rate 0.003 --option batch_norm_momentum=0.3 --seed 1"
SMALL = "--width 0.25 --clip-seconds"
RUNS = {
    "fgnl": Trained(f"--model crnn_fgnl --augment all {SMALL} 1"),
    "melody": Trained(f"--model crnnm --melody crepe-tiny {SMALL} 1"),
    "blstm": Trained(f"--model blstm --split track --drop-last-clip {SMALL} 1"),
    "wavenet": Trained("--model wavenet --width 0.125 --clip-seconds 1"),
    "vocals": Trained(
        f"--model crnnm_fgnl --audio vocals --melody pyin --option softmax=queries {SMALL} 3",
        identify="--separator repet",
        few=True,
    ),
    "repet": Trained(f"--model crnn --audio vocals --min-albums 3 {SMALL} 1.5", store="others", few=True),
}


def all_steps(material: Material, tables: str, onnx: bool) -> list[Step]:
    """The steps; those that others depend on, and those that take long, come first.

    Args:
        material: the recordings to read.
        tables: which tables of `reproduce` are made.
        onnx: whether ONNX Runtime is installed to run exported networks.
    """
    steps = [*_features(material), *_tables(tables), *_commands_without_run()]
    for name, trained in RUNS.items():
        steps += [_train(name, trained), *_asked(name, trained, material)]
    return [*steps, *_more_of_fgnl(material, onnx), *_pretrained(material)]


def _features(material: Material) -> Iterator[Step]:
    yield Step(
        "features/stems",
        (*_prepare(material.corpus / "mixture", "stems"), *_stems(material), "--melody", "crepe-tiny"),
        makes=("stores/stems",),
        reads=(reading.stored("stores/stems"),),  # read after all steps, including what the next step adds
    )
    yield Step(
        "features/pyin",
        (*_prepare(material.corpus / "mixture", "stems"), *_stems(material), "--melody", "pyin"),
        after=("features/stems",),
    )
    yield Step(
        "features/others",
        (
            *_prepare(material.others, "others"),
            *_words("--vocals repet --melody crepe-tiny --pad-mode constant"),
        ),
        makes=("stores/others",),
        reads=(reading.stored("stores/others"),),
        ends_with=SOME_FAILED,
    )
    yield Step("doctor/stems", ("doctor", "stores/stems", "--json"), after=("features/pyin",), json=True)


def _prepare(tree: Path, store: str) -> tuple[str, ...]:
    return "prepare", str(tree), f"stores/{store}", "--waveform", "--workers", "1"


def _stems(material: Material) -> tuple[str, ...]:
    return "--vocals", "stems", "--stems-dir", str(material.corpus)


def _tables(tables: str) -> Iterator[Step]:
    yield Step(
        f"tables/{tables}",
        ("reproduce", f"tables/{tables}", "--smoke", "--table", tables, *CPU),
        makes=(f"tables/{tables}",),
        reads=(reading.tables(f"tables/{tables}"),),
    )


def _commands_without_run() -> Iterator[Step]:
    yield Step(
        "synth/corpus",
        ("synth", "synth", *_words(CORPUS)),
        makes=("synth",),
        reads=(reading.corpus("synth"),),
    )
    yield Step("models/all", ("models", "--json"), json=True)


_PREPARED = {"stems": "features/pyin", "others": "features/others"}


def _train(name: str, trained: Trained) -> Step:
    return Step(
        f"train/{name}",
        (
            "train",
            f"stores/{trained.store}",
            f"runs/{name}",
            *_words(trained.options),
            *_words(TRAINING),
            *CPU,
        ),
        after=(_PREPARED[trained.store],),
        makes=(f"runs/{name}",),
        reads=(reading.run(f"runs/{name}"),),
    )


def _asked(name: str, trained: Trained, material: Material) -> Iterator[Step]:
    """The commands for every run. `longer` copies the run of fgnl, so nothing may write there before."""
    run, after = f"runs/{name}", ("train/longer" if name == "fgnl" else f"train/{name}",)
    yield Step(
        f"evaluate/{name}", ("evaluate", run, "--baseline", "--all-states", "--json", *CPU), after, json=True
    )
    yield Step(
        f"embed/{name}",
        ("embed", run, "--out", f"embeddings/{name}", "--json", *CPU),
        after,
        makes=(f"embeddings/{name}",),
        reads=(reading.embeddings(f"embeddings/{name}"),),
        json=True,
    )
    yield Step(
        f"identify/{name}",
        ("identify", run, *_recordings(material, trained.few), *_words(trained.identify), "--json", *CPU),
        after,
        json=True,
        ends_with=SOME_FAILED,
    )


def _recordings(material: Material, few: bool) -> tuple[str, ...]:
    """Recordings in many formats; one is broken, one is too short and one does not exist."""
    others = material.others
    if few:
        listed = [others / "Ana/two/song.mp3", others / "Bob/three"]
    else:
        listed = [*sorted((material.corpus / "mixture").glob("*/album-02/*.flac")), others]
    return tuple(map(str, [*listed, others / "nowhere.wav"]))


def _more_of_fgnl(material: Material, onnx: bool) -> Iterator[Step]:
    run, store, after = "runs/fgnl", "stores/stems", ("train/longer",)
    song = "singer-02/album-01/song-01.flac"
    options = (*_words(RUNS["fgnl"].options), *_words(TRAINING.replace("--epochs 2", "--epochs 3")))
    yield Step(
        "train/longer",  # continues after the last epoch
        ("train", store, "runs/longer", *options, *CPU),
        after=("train/fgnl",),
        makes=("runs/longer",),
        copies=((run, "runs/longer"),),
        reads=(reading.run("runs/longer"),),
    )
    yield Step(
        "audit/fgnl",
        ("audit", run, "--retrain", "--json", *CPU),
        after=("evaluate/fgnl",),
        makes=(f"{run}/track-split",),
        json=True,
    )
    yield Step(  # without accompaniments: the store does not have their waveforms
        "audit/wavenet",
        ("audit", "runs/wavenet", "--json", *CPU),
        after=("evaluate/wavenet",),
        json=True,
        ends_with=SOME_FAILED,
    )
    yield Step(
        "evaluate/fgnl on vocals",
        ("evaluate", run, "--audio", "vocals", "--json", *CPU),
        after=("audit/fgnl",),
        json=True,
    )
    yield Step(
        "evaluate/fgnl against melody",
        ("evaluate", run, "--against", "runs/melody", "--json", *CPU),
        after=("train/longer", "train/melody"),
        json=True,
    )
    yield Step("attention/stored", ("attention", run, song, "--json", *CPU), after, json=True)
    recording = str(material.corpus / "mixture" / song)
    place = ("--at-seconds", "4", "--at-hz", "700", "--figure", f"{run}/recording.svg")
    yield Step("attention/recording", ("attention", run, recording, *place, "--json", *CPU), after, json=True)
    if onnx:
        yield Step("export/fgnl", ("export", run, "fgnl.onnx"), after, makes=("fgnl.onnx",))
        yield Step(
            "export/noise",
            ("fgnl.onnx", "noise.npy"),
            after=("export/fgnl",),
            makes=("noise.npy",),
            reads=(reading.array("noise.npy"),),
            json=True,
            program=NOISE,
        )


def _pretrained(material: Material) -> Iterator[Step]:
    if material.weights is not None:
        files = (*_recordings(material, few=False), *map(str, material.songs))
        weights = ("--pretrained-weights", str(material.weights))
        yield Step(
            "identify/pretrained",
            ("identify", "hsieh-artist20", *files, *weights, "--json", *CPU),
            json=True,
            ends_with=SOME_FAILED,
        )


def needed(steps: Sequence[Step], wanted: Sequence[str]) -> list[Step]:
    """The steps with these names, and the steps they depend on, in the given order."""
    by_name = {step.name: step for step in steps}
    names: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting += by_name[name].after
    return [step for step in steps if step.name in names]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())
