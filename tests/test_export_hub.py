"""Runs exported for a model hub: same answers from the folder and from a hub; errors and remedies."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import hub_server
from programs import MAIN
from singerid import load_model
from singerid.config import TrainingConfig
from singerid.encoders.registry import open_encoder
from singerid.errors import SingeridError
from singerid.evaluation.evaluate import evaluate
from singerid.export_hub import export_hub
from singerid.identifier import Identifier
from singerid.identify.scores import hear
from singerid.models.weights import load_model_file, save_model
from singerid.runs.config import SplitConfig
from singerid.runs.new import configure, make_split
from singerid.runs.run import Run
from singerid.store.reader import Store
from singerid.system.files import file_hash
from singerid.system.hub import is_hub, open_hub
from singerid.text import size_text
from singerid.training.loop import train

FILES = ["README.md", "config.json", "model.safetensors"]


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    return export_hub(trained.path, tmp_path_factory.mktemp("exported") / "folder").path


@pytest.fixture
def folder(exported, tmp_path):
    """A copy of the exported folder that a test may change."""
    return Path(shutil.copytree(exported, tmp_path / "folder"))


@pytest.fixture
def hub(tmp_path):
    pytest.importorskip("huggingface_hub", reason="the extra [hub] is not installed")
    with hub_server.running(tmp_path / "cache") as hub:
        yield hub


@pytest.fixture
def songs(recordings):
    return sorted(recordings.tree.rglob("*.flac"))[::5]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# The folder


def test_the_folder_is_a_run_that_gives_exactly_the_same_answers(exported, trained, songs):
    assert names_in(exported) == FILES
    first, second = (Identifier.load(path, all_clips=True) for path in (trained.path, exported))
    for song in songs:
        scores = [hear(each.listener, each.scorer, song).scores for each in (first, second)]
        np.testing.assert_array_equal(*scores)
        assert second.identify(song) == first.identify(song)
    assert second.scorer.identity == first.scorer.identity
    clip = torch.randn(2, 128, 32)
    assert torch.equal(load_model(exported)(clip), load_model(trained.path)(clip))
    assert torch.equal(load_model_file(exported / "model.safetensors")(clip), load_model(exported)(clip))


def test_the_folder_needs_neither_store_nor_run(singerid, own_run, songs, tmp_path):
    gone = Run.create(own_run, replace(Run.open(own_run).config, store="/nowhere"), Run.open(own_run).split)
    written = singerid("export", gone.path, "--hub", tmp_path / "my folder")
    assert written.returncode == 0, written.stderr
    assert written.stdout.endswith(f" kB; to upload: hf upload ORG/NAME '{tmp_path / 'my folder'}'\n")
    expected = singerid("identify", gone.path, *songs, "--json", "--all-clips").stdout
    shutil.rmtree(own_run)
    (tmp_path / "my folder").rename(tmp_path / "elsewhere")
    found = singerid("identify", tmp_path / "elsewhere", *songs, "--json", "--all-clips")
    assert (found.returncode, found.stdout) == (0, expected), found.stderr


def test_nothing_about_the_machine_or_the_recordings_is_exported(own_run, recordings, tmp_path):
    evaluate(Run.open(own_run))
    secrets = [str(recordings.store), str(own_run), str(tmp_path), str(Path.home()) + "/", "first/0.flac"]
    kept = b"".join(path.read_bytes() for path in own_run.rglob("*") if path.is_file()).decode(
        errors="replace"
    )
    assert secrets[0] in kept  # so they could be exported by mistake
    assert secrets[-1] in kept
    folder = export_hub(own_run, tmp_path / "folder").path
    for path in folder.iterdir():
        content = path.read_bytes().decode(errors="replace")
        assert not [secret for secret in secrets if secret in content], path.name
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert content["store"] == ""
    assert content["singers"] == ["alto", "bass", "tenor"]


def test_the_card_begins_with_the_data_that_hubs_read(own_run, tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="the extra [hub] is not installed")
    before = hub.ModelCard.load(export_hub(own_run, tmp_path / "before").path / "README.md")
    assert before.data.to_dict() == {
        "library_name": "singerid",
        "pipeline_tag": "audio-classification",
        "tags": ["singer-identification"],
    }
    assert "Of the weights: unknown" in before.text
    found = evaluate(Run.open(own_run)).states["best_f1"]
    (own_run / "NOTES.md").write_text("All three agreed.\n", encoding="utf-8")
    card = hub.ModelCard.load(export_hub(own_run, tmp_path / "after", "CC-BY-4.0").path / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert "Of the weights: cc-by-4.0. See the notes below." in card.text
    assert "All three agreed." in card.text
    assert "singerid identify hf:ORG/NAME song.mp3" in card.text
    assert "evaluate FOLDER" not in card.text
    results = {result.metric_name: result for result in card.data.eval_results}
    assert results["weighted F1 of clips"].metric_value == round(found.clip.f1_weighted, 4)
    assert results["accuracy of tracks"].metric_value == round(found.track.accuracy, 4)
    assert {result.metric_type for result in results.values()} == {"f1", "accuracy"}
    assert {result.dataset_config for result in results.values()} == {"mixture"}
    assert len(results) == 6
    own = hub.ModelCard.load(own_run / "README.md")  # the card of the run has them, too
    assert len(own.data.eval_results) == 6
    assert "singerid identify FOLDER song.mp3" in own.text


def test_a_card_that_the_user_wrote_is_copied_and_not_replaced(own_run, tmp_path, caplog):
    (own_run / "README.md").write_text("# My singers\n", encoding="utf-8")
    written = export_hub(own_run, tmp_path / "folder", "mit")
    card = written.path / "README.md"
    assert card.read_text(encoding="utf-8").startswith("---\nlibrary_name: singerid\n")
    assert card.read_text(encoding="utf-8").endswith("\n---\n# My singers\n")
    assert "\nlicense: mit\n" in card.read_text(encoding="utf-8")
    assert caplog.messages == [f"{card}: is your own card from the run"]
    (own_run / "README.md").write_text("---\nlicense: other\n---\n# Mine\n", encoding="utf-8")
    export_hub(own_run, tmp_path / "folder")
    assert caplog.messages[1:] == [f"{card}: is your own and was not changed"]
    assert card.read_text(encoding="utf-8").endswith("# My singers\n")
    card.unlink()
    export_hub(own_run, tmp_path / "folder")
    assert card.read_text(encoding="utf-8") == "---\nlicense: other\n---\n# Mine\n"


def test_only_an_exported_folder_is_replaced(own_run, folder, tmp_path, caplog):
    (folder / ".git").mkdir()
    (folder / ".tmp-killed").write_text("half")
    model = load_model(own_run)
    torch.nn.init.zeros_(model.output.bias)
    save_model(model, own_run / "states" / "best_f1.safetensors")
    export_hub(own_run, folder)
    assert caplog.messages == []
    assert names_in(folder) == [".git", *FILES]
    assert torch.equal(load_model(folder).output.bias, model.output.bias)
    for other in ("notes.txt", "README.md", "config.json"):
        place = tmp_path / f"with {other}"
        place.mkdir()
        (place / other).write_text("{}")
        with pytest.raises(SingeridError, match=r"is not empty and holds no exported run; give a new"):
            export_hub(own_run, place)
        assert names_in(place) == [other]
    with pytest.raises(SingeridError, match=r"is not empty and holds no exported run"):
        export_hub(own_run, own_run)
    with pytest.raises(SingeridError, match=r"is a file; give a new or empty folder"):
        export_hub(own_run, own_run / "config.json")
    with pytest.raises(SingeridError, match=r"is an exported run already"):
        export_hub(folder, tmp_path / "again")
    with pytest.raises(SingeridError, match=r"^cc by: is not a hub's name of a licence; give one word"):
        export_hub(own_run, tmp_path / "again", "CC BY")
    (own_run / "states" / "best_f1.safetensors").unlink()
    with pytest.raises(SingeridError, match=r"best_f1\.safetensors: is missing"):
        export_hub(own_run, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_incomplete_weights_and_weights_of_another_run_are_refused(own_run, folder, monkeypatch):
    """As after an export or a download that was interrupted."""
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    for content in (whole[:-100], whole[:-1] + bytes([whole[-1] ^ 1]), b""):
        weights.write_bytes(content)
        with pytest.raises(
            SingeridError, match=r"its model\.safetensors is damaged, or its config.*export the"
        ):
            Identifier.load(folder)
    weights.unlink()
    with pytest.raises(SingeridError, match=r"model\.safetensors: cannot be read .*; export the run again"):
        load_model(folder)
    export_hub(own_run, folder)
    assert weights.read_bytes() == whole


def test_what_an_exported_run_cannot_do_is_an_error_of_one_line(singerid, exported, recordings, tmp_path):
    run = Run.open(exported)
    with pytest.raises(SingeridError, match=r"is an exported run, which can name singers but has no split"):
        _ = run.split
    with pytest.raises(SingeridError, match=r"is an exported run, which can name singers but has no store"):
        _ = run.store
    with pytest.raises(SingeridError, match=r"has only the state best_f1, not last"):
        load_model(exported, "last")
    for command in ("evaluate", "embed"):
        told = singerid(command, exported, "--store", recordings.store)
        assert told.returncode == 2
        assert told.stderr == (
            f"singerid: {exported}: is an exported run, which can name singers but has no split; use the "
            "run that it was exported from\n"
        )
    assert names_in(exported) == FILES


def test_the_command_needs_either_a_file_or_a_folder(singerid, trained, tmp_path):
    either = "singerid: name either the file to write, FILE.onnx, or a folder for a model hub, --hub FOLDER\n"
    for arguments in ((), (tmp_path / "a.onnx", "--hub", tmp_path / "a")):
        told = singerid("export", trained.path, *arguments)
        assert (told.returncode, told.stderr) == (2, either)
    told = singerid("export", trained.path, tmp_path / "a.onnx", "--license", "mit")
    assert (told.returncode, told.stderr) == (2, "singerid: --license goes with --hub; leave it out\n")
    assert not list(tmp_path.iterdir())


def test_a_run_on_vectors_of_an_unknown_encoder_is_not_exported(encoded, tmp_path):
    store = Store.open(encoded.store)
    split, how = make_split(store, SplitConfig())
    encoder = open_encoder(encoded.encoder)
    config = configure(store, split, how, "centroids", TrainingConfig(), encoder=encoder)
    train(store, tmp_path / "run", config, split)
    with pytest.raises(SingeridError, match=r"reads vectors of an encoder that singerid has no name for"):
        export_hub(tmp_path / "run", tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
    # An exported run, which anyone may have made, does not open a file of this machine either.
    path = tmp_path / "run" / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    weights = (tmp_path / "run" / "states" / "best_f1.safetensors").rename(tmp_path / "run/model.safetensors")
    content["exported"] = file_hash(weights)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(SingeridError, match=r"reads vectors of an encoder that singerid has no name for"):
        Identifier.load(tmp_path / "run")


# The hub

ASK = """
import json, sys
import torch
from singerid.encoders.registry import open_encoder
from singerid.identifier import Identifier
from singerid.identify.scores import hear
from singerid.runs.run import load_model
*places, song = sys.argv[1:]
clips = torch.randn(2, 128, 32, generator=torch.Generator().manual_seed(0))
found = []
for place in places:
    identifier, encoder = Identifier.load(place, all_clips=True), open_encoder(place)
    again = open_encoder(encoder.address)
    found.append({
        "scores": hear(identifier.listener, identifier.scorer, song).scores.tolist(),
        "answer": identifier.identify(song).to_json(),
        "vectors": encoder(clips).tolist(),
        "again": again(clips).tolist(),
        "identities": [encoder.identity, again.identity],
        "logits": load_model(place)(clips).tolist(),
        "names": [encoder.name, again.name, again.address],
    })
print(json.dumps(found))
"""


def test_a_run_from_a_hub_gives_exactly_the_same_answers(singerid, hub, exported, trained, songs):
    commit = hub.upload("org/name", {**contents(exported), "pickled.bin": b"no", "evil.py": b"no"})
    told = singerid(trained.path, "hf:org/name", songs[0], code=ASK, **hub.environment)
    assert told.returncode == 0, told.stderr
    here, there = json.loads(told.stdout)
    assert set(there.pop("names")) == {f"hf:org/name@{commit}"}
    assert set(here.pop("names")) == {str(trained.path)}
    assert there == here
    assert here["vectors"] == here["again"]
    assert hub.files_asked == {"config.json", "model.safetensors"}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def identify(singerid, hub, address, song, **environment):
    """The exit code, standard output and standard error of `singerid identify` for a song."""
    arguments = ("identify", address, song, "--json", "--all-clips")
    told = singerid(*arguments, **hub.environment | environment)
    return told.returncode, told.stdout, told.stderr


def test_the_command_downloads_from_a_hub_once(singerid, hub, folder, own_run, songs):
    first = hub.upload("org/name", folder)
    expected = singerid("identify", folder, songs[0], "--json", "--all-clips").stdout
    code, answer, told = identify(singerid, hub, "hf:org/name", songs[0])
    assert (code, answer) == (0, expected), told
    size = size_text((folder / "model.safetensors").stat().st_size)
    assert told == f"singerid: fetching hf:org/name from {hub.url} ({size})\n"
    hub.asked.clear()
    assert identify(singerid, hub, "hf:org/name", songs[0]) == (0, expected, "")
    assert not hub.files_asked  # it is in the cache
    hub.asked.clear()
    assert identify(singerid, hub, f"hf:org/name@{first}", songs[0]) == (0, expected, "")
    assert not hub.asked  # the content of a commit does not change
    # A new commit is used at once; the old one is still there, by its tag and by its hash.
    model = load_model(own_run)
    torch.nn.init.zeros_(model.output.weight)
    save_model(model, own_run / "states" / "best_f1.safetensors")
    export_hub(own_run, folder)
    hub.upload("org/name", folder)
    hub.repositories["org/name"].revisions["v1/first"] = first
    other = singerid("identify", folder, songs[0], "--json", "--all-clips").stdout
    assert other != expected
    assert identify(singerid, hub, "hf:org/name", songs[0])[1] == other
    assert identify(singerid, hub, "hf:org/name@v1/first", songs[0]) == (0, expected, "")
    # Without a network the cache is used, whether downloads are forbidden or fail.
    hub.asked.clear()
    for variable in ("HF_HUB_OFFLINE", "SINGERID_OFFLINE"):
        assert identify(singerid, hub, "hf:org/name", songs[0], **{variable: "1"}) == (0, other, "")
    assert not hub.asked
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9"}  # no server there
    code, answer, told = identify(singerid, hub, "hf:org/name", songs[0], **nowhere)
    assert (code, answer) == (0, other)
    assert told.startswith("singerid: warning: hf:org/name: cannot be downloaded from http://127.0.0.1:9 (")
    assert told.endswith("; now using the copy in the cache\n")
    assert told.count("\n") == 1


def test_private_and_gated_repositories_need_a_token(singerid, hub, exported, songs):
    hub.upload("org/private", exported, "private")
    hub.upload("org/gated", exported, "gated")
    for name in ("org/private", "org/gated"):
        code, answer, told = identify(singerid, hub, f"hf:{name}", songs[0], HF_TOKEN=hub_server.TOKEN)
        assert code == 0, told
        assert json.loads(answer)["decision"] == "known"


ERRORS = """
import json, sys
from singerid.errors import SingeridError
from singerid.runs.run import Run
told = []
for address in sys.argv[1:]:
    try:
        Run.open(address).load_network()
        told.append("")
    except SingeridError as error:
        told.append(str(error))
print(json.dumps(told))
"""


def errors(singerid, hub, *addresses, **environment):
    """The error message for each address; "" if there is none."""
    told = singerid(*addresses, code=ERRORS, **hub.environment | environment)
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_what_is_not_on_the_hub_is_an_error_of_one_line_with_a_remedy(singerid, hub, exported, trained):
    hub.upload("org/run", exported)
    hub.upload("org/private", exported, "private")
    hub.upload("org/gated", exported, "gated")
    hub.upload("org/empty", {"README.md": b"hello"})
    weights = (exported / "model.safetensors").read_bytes()
    other = {"architectures": ["BertModel"], "model_type": "bert"}
    hub.upload("org/bert", {"config.json": json.dumps(other).encode(), "model.safetensors": weights})
    hub.upload("org/damaged", {"config.json": b"{", "model.safetensors": weights})
    hub.upload("org/raw", trained.path)
    hub.upload("org/half", {"config.json": (exported / "config.json").read_bytes()})
    hub.upload("org/torn", {**contents(exported), "model.safetensors": weights[:-9]})
    another = "name a repository with a folder that `singerid export RUN --hub FOLDER` wrote"
    log_in = "log in with `hf auth login`, or set HF_TOKEN"
    kept = hub.cache / "hub" / "models--org--torn"
    expected = {
        "hf:org/none": f"{hub.url} has no such repository, or it is private; check the name, or {log_in}",
        "hf:org/private": f"{hub.url} has no such repository, or it is private; check the name, or {log_in}",
        "hf:org/gated": f"is gated: ask for access at {hub.url}/org/gated, then {log_in}",
        "hf:org/run@v9": "has no revision v9; name a branch, a tag or a full commit, or leave out @v9",
        "hf:org/empty": f"has no config.json, so it is not a singerid run; {another}",
        "hf:org/half": f"has no model.safetensors, so it is not a singerid run; {another}",
        "hf:org/bert": f"its config.json is not that of a run; {another}",
        "hf:org/damaged": "config.json: is not valid JSON (",
        "hf:org/raw": f"holds a run that was not exported; {another}",
        "hf:org/torn": "its model.safetensors is damaged, or its config.json belongs to another run; "
        f"delete {kept} to have it downloaded again, or ask the people who uploaded it to upload it again",
    }
    hub.asked.clear()
    for (address, message), told in zip(expected.items(), errors(singerid, hub, *expected), strict=True):
        assert told.startswith(address), told
        assert message in told
        assert "\n" not in told
    fetched = {path.split("/resolve/")[0] for method, path in hub.asked if path.endswith(".safetensors")}
    assert fetched == {"/org/half", "/org/torn"}  # no weights without a configuration of an exported run


@pytest.mark.parametrize(
    "address",
    ["hf:name", "hf:", "hf:a/b/c", "hf:a/../b", "hf:a/b@", "hf:a/b@../c", "hf:a/b c", "hf:é/b", "hf:a/b--c"],
)
def test_a_wrong_address_is_refused_before_any_request(address):
    pytest.importorskip("huggingface_hub", reason="the extra [hub] is not installed")
    with pytest.raises(SingeridError, match=r"is not an address on a hub"):
        open_hub(address, "config.json")


def test_failed_downloads_leave_no_files_and_can_be_repeated(singerid, hub, exported):
    hub.upload("org/run", exported)
    size = (exported / "model.safetensors").stat().st_size
    for broken in ([503], [404], [size // 2, 503]):
        hub.broken["model.safetensors"] = list(broken)
        (told,) = errors(singerid, hub, "hf:org/run")
        assert told.startswith(
            f"hf:org/run: cannot be downloaded from {hub.url} (HTTP {broken[-1]}); try again, or "
        )
        assert told.endswith(
            "run `hf download org/run --local-dir FOLDER` on a machine with a network, and use FOLDER"
        )
        assert not hub.broken["model.safetensors"]
        assert not list(hub.cache.rglob("model.safetensors"))
    assert errors(singerid, hub, "hf:org/run") == [""]


def test_the_remedy_for_a_damaged_copy_in_the_cache_works(singerid, hub, exported):
    hub.upload("org/run", exported)
    assert errors(singerid, hub, "hf:org/run") == [""]
    (path,) = hub.cache.rglob("model.safetensors")
    path.resolve().write_bytes(path.read_bytes()[:-100])
    (told,) = errors(singerid, hub, "hf:org/run")
    kept = hub.cache / "hub" / "models--org--run"
    assert f"is damaged, or its config.json belongs to another run; delete {kept} to have it" in told
    shutil.rmtree(kept)
    assert errors(singerid, hub, "hf:org/run") == [""]


def test_without_a_network_and_without_a_copy_the_error_names_remedies(singerid, hub, exported):
    by_hand = "run `hf download org/run --local-dir FOLDER` on a machine with a network, and use FOLDER"
    for variable in ("HF_HUB_OFFLINE", "SINGERID_OFFLINE"):
        (told,) = errors(singerid, hub, "hf:org/run", **{variable: "1"})
        assert told == (
            f"hf:org/run: its config.json is not in the cache ({hub.cache / 'hub'}), and {variable} forbids "
            f"fetching it; unset {variable}, or {by_hand}"
        )
    (told,) = errors(singerid, hub, "hf:org/run", HF_ENDPOINT="http://127.0.0.1:9")
    assert told.startswith("hf:org/run: cannot be downloaded from http://127.0.0.1:9 (")
    assert told.endswith(f"); try again, or {by_hand}")
    assert not hub.asked


def test_a_folder_downloaded_by_hand_is_a_run(singerid, hub, folder, tmp_path, songs):
    hub.upload("org/run", folder)
    code = (
        "import huggingface_hub, sys; huggingface_hub.snapshot_download(sys.argv[1], local_dir=sys.argv[2])"
    )
    told = singerid("org/run", tmp_path / "by hand", code=code, **hub.environment)
    assert told.returncode == 0, told.stderr
    expected = singerid("identify", folder, songs[0], "--json", "--all-clips").stdout
    found = singerid("identify", tmp_path / "by hand", songs[0], "--json", "--all-clips")
    assert (found.returncode, found.stdout) == (0, expected)


def test_without_the_extra_the_error_names_it(singerid, hub, songs):
    code = f"import sys; sys.modules['huggingface_hub'] = None; {MAIN}"
    told = singerid("identify", "hf:org/run", songs[0], code=code)
    assert (told.returncode, told.stderr) == (
        2,
        "singerid: hf: needs huggingface_hub: pip install 'singerid[hub]'\n",
    )


def test_commands_take_an_address_instead_of_a_run(singerid, hub, exported, recordings, tmp_path):
    pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")
    commit = hub.upload("org/run", exported)
    told = singerid("export", "hf:org/run", tmp_path / "model.onnx", **hub.environment)
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "model.onnx").exists()
    for command in (("export", "hf:org/run", "--hub", tmp_path / "again"), ("evaluate", "hf:org/run")):
        told = singerid(*command, **hub.environment)
        assert told.returncode == 2
        assert told.stderr.startswith(f"singerid: hf:org/run@{commit}: is an exported run")
        assert told.stderr.count("\n") == 1
    told = singerid(
        *("prepare", recordings.tree, tmp_path / "store", "--encoder", "hf:org/run", "--workers", 1),
        **hub.environment,
    )
    assert told.returncode == 0, told.stderr
    assert names_in(tmp_path) == ["cache", "model.onnx", "store"]


def test_addresses_are_distinguished_from_paths():
    assert is_hub("hf:org/name")
    assert is_hub(Path("hf:org/name@main"))
    assert not is_hub("./hf:org/name")
    assert not is_hub("hsieh-artist20")


def test_a_model_of_ones_own_says_that_its_file_is_needed(singerid, recordings, songs, tmp_path):
    page = (Path(__file__).parents[1] / "docs" / "add_a_model.md").read_text(encoding="utf-8")
    plugin, run, folder = (tmp_path / name for name in ("mine.py", "run", "folder"))
    plugin.write_text(re.search(r"```python\n(.*?)```", page, re.S)[1], encoding="utf-8")
    options = ("--model", "mean_pool", "--epochs", "1", "--clip-seconds", "1")
    wrong = singerid("--plugin", plugin, "train", recordings.store, run, *options, "--width", "0.5")
    assert wrong.stderr.startswith(
        "singerid: model mean_pool: unknown option 'width'; known options: channels"
    )
    assert singerid("--plugin", plugin, "train", recordings.store, run, *options).returncode == 0
    told = singerid("--plugin", plugin, "export", run, "--hub", folder).stderr
    assert f"{folder}: mean_pool is a model of your own" in told
    assert "registers it, too (--plugin)" in told
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "singerid --plugin FILE.py identify hf:ORG/NAME song.mp3" in card
    assert "mean\\_pool is a model of its author's own: FILE.py" in card
    assert singerid("--plugin", plugin, "identify", folder, songs[0]).returncode == 0
    assert "unknown model 'mean_pool'" in singerid("identify", folder, songs[0]).stderr
