"""Which test file tests which source file, where its name does not tell; see `test_house.py`.

A source file ROOM/x.py is tested by tests/ROOM/test_x.py, or by test_ROOM_x.py or test_x_ROOM.py there where
two source files have one name: the names of test files are unique. All other source files stand here.
"""

import ast
import re
from functools import cache
from pathlib import Path, PurePosixPath

import singerid

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "singerid"

# The test imports the source file, or a module that does so.
TESTED_BY = {
    "analysis/audit/conditions.py": "analysis/audit/test_audit.py",
    "analysis/audit/estimate.py": "analysis/audit/test_audit.py",
    "analysis/audit/outcome.py": "analysis/audit/test_audit.py",
    "analysis/audit/presence.py": "analysis/audit/test_audit.py",
    "analysis/audit/report.py": "analysis/audit/test_audit.py",
    "analysis/audit/splits.py": "analysis/audit/test_audit.py",
    "analysis/report.py": "analysis/test_attention.py",
    "cli/app.py": "cli/test_cli.py",
    "cli/folding.py": "cli/test_every_table.py",
    "cli/ray_options.py": "cli/test_supervised.py",
    "config.py": "models/test_spec.py",
    "data/datasets/dataset.py": "data/datasets/test_datasets.py",
    "data/datasets/registry.py": "data/datasets/test_datasets.py",
    "data/datasets/vocalset.py": "data/datasets/test_datasets.py",
    "data/lazy.py": "runs/test_run.py",
    "data/synthetic/band.py": "data/synthetic/test_corpus.py",
    "data/synthetic/cast.py": "data/synthetic/test_corpus.py",
    "data/synthetic/duet_files.py": "data/synthetic/test_duets.py",
    "data/synthetic/score.py": "data/synthetic/test_corpus.py",
    "data/synthetic/studio.py": "data/synthetic/test_corpus.py",
    "data/synthetic/turns.py": "data/synthetic/test_duets.py",
    "data/synthetic/voice.py": "data/synthetic/test_corpus.py",
    "demo/answers.py": "test_demo.py",
    "demo/asking.py": "test_demo.py",
    "demo/config.py": "test_demo.py",
    "demo/music.py": "test_demo.py",
    "demo/rows.py": "test_demo.py",
    "demo/synthetic.py": "test_demo.py",
    "encoders/network.py": "encoders/test_encoder.py",
    "encoders/registry.py": "encoders/test_encoder.py",
    "encoders/trained.py": "models/test_pretrained.py",
    "errors.py": "preparation/test_prepare.py",
    "evaluation/confusion.py": "evaluation/test_many_singers.py",
    "evaluation/counts.py": "evaluation/test_many_singers.py",
    "evaluation/outcome.py": "evaluation/test_many_singers.py",
    "evaluation/record.py": "evaluation/test_card.py",
    "evaluation/scores.py": "evaluation/test_significance.py",
    "figures/audit.py": "analysis/audit/test_audit.py",
    "figures/calibration.py": "library/test_calibrate.py",
    "figures/curves.py": "figures/test_saving.py",
    "figures/pages.py": "reproduce/test_rendering.py",
    "figures/spectrum.py": "web/test_singers_api.py",
    "figures/style.py": "figures/test_planes.py",
    "identify/formats/format.py": "identify/test_every_format.py",
    "identify/formats/registry.py": "identify/test_every_format.py",
    "identify/formats/webvtt.py": "identify/test_read_back.py",
    "identify/report.py": "evaluation/test_report.py",
    "identify/result.py": "identify/test_output.py",
    "identify/scores.py": "identify/test_identify_timeline.py",
    "library/answer.py": "library/test_song_voices.py",
    "library/answering.py": "library/test_kept_answers.py",
    "library/answers.py": "library/test_kept_answers.py",
    "library/asking.py": "tags/test_writer.py",
    "library/cache.py": "library/test_forget.py",
    "library/collecting.py": "library/test_collection.py",
    "library/collection_index.py": "library/test_collection.py",
    "library/collection_on_ray.py": "library/test_collection.py",
    "library/core.py": "library/test_database.py",
    "library/corrections.py": "library/test_what_people_said.py",
    "library/enroll.py": "library/test_found_again.py",
    "library/entrants.py": "library/test_library_on_ray.py",
    "library/from_store.py": "library/test_library_on_ray.py",
    "library/heard_schema.py": "library/test_heard_rows.py",
    "library/hearing.py": "library/test_song_voices.py",
    "library/import_heard.py": "library/test_library_on_ray.py",
    "library/jobs.py": "library/test_kept_answers.py",
    "library/library.py": "library/test_database.py",
    "library/pages.py": "library/test_calibrate.py",
    "library/parquet_rows.py": "library/test_collection.py",
    "library/parting.py": "library/test_song_voices.py",
    "library/records.py": "library/test_database.py",
    "library/rule.py": "library/test_decide.py",
    "library/saying.py": "library/test_what_people_said.py",
    "library/schema.py": "library/test_database.py",
    "library/scorer.py": "test_identifier.py",
    "library/shipped.py": "library/test_calibrate.py",
    "library/trials.py": "library/test_decide.py",
    "library/trying.py": "library/test_review.py",
    "library/turns.py": "library/test_song_voices.py",
    "listening/ahead.py": "test_identifier.py",
    "listening/predict.py": "evaluation/test_evaluate.py",
    "listening/voice/by_level.py": "listening/voice/test_voice_cells.py",
    "listening/voice/ear.py": "listening/voice/test_voice_network.py",
    "listening/voice/watch.py": "listening/test_listener.py",
    "models/build.py": "models/test_models_registry.py",
    "models/campplus.py": "encoders/test_campplus.py",
    "models/hsieh.py": "models/test_keras.py",
    "models/weights.py": "models/test_models_registry.py",
    "nn/activation.py": "nn/test_conv_block.py",
    "nn/campplus_folded.py": "nn/test_nn_campplus.py",
    "nn/operation/loop.py": "nn/test_operation.py",
    "nn/operation/sdpa.py": "nn/test_operation.py",
    "nn/operation/streaming.py": "nn/test_operation.py",
    "nn/spleeter_folded.py": "nn/test_nn_spleeter.py",
    "plugins.py": "training/test_together.py",
    "preparation/duplicates.py": "preparation/test_prepare.py",
    "preparation/sources.py": "preparation/test_preparation_on_ray.py",
    "preparation/tools.py": "preparation/test_preparation_on_ray.py",
    "preparation/worker.py": "preparation/test_prepare.py",
    "reproduce/cell.py": "reproduce/test_on_ray.py",
    "reproduce/plan.py": "reproduce/test_reproduction.py",
    "reproduce/report.py": "reproduce/test_rendering.py",
    "reproduce/run.py": "reproduce/test_reproduction.py",
    "reproduce/smoke.py": "reproduce/test_folder.py",
    "runs/config.py": "models/test_spec.py",
    "runs/new.py": "runs/test_run.py",
    "runs/part.py": "runs/test_run.py",
    "sound/decoding/chunks.py": "sound/decoding/test_decode.py",
    "sound/decoding/ffmpeg.py": "sound/decoding/test_decode.py",
    "sound/decoding/flac.py": "sound/decoding/test_decode.py",
    "sound/decoding/lengths.py": "sound/decoding/test_decode.py",
    "sound/decoding/ogg.py": "sound/decoding/test_decode.py",
    "sound/decoding/pieces.py": "sound/decoding/test_decode.py",
    "sound/decoding/sndfile.py": "sound/decoding/test_decode.py",
    "sound/decoding/tails.py": "sound/decoding/test_decode.py",
    "sound/decoding/view.py": "sound/decoding/test_decode.py",
    "sound/files.py": "sound/test_audio.py",
    "sound/melody/contour.py": "listening/test_listener.py",
    "sound/melody/trackers.py": "sound/test_registries.py",
    "sound/scratch.py": "listening/test_listener.py",
    "sound/separation/open_unmix_weights.py": "sound/separation/test_open_unmix.py",
    "sound/separation/separated.py": "listening/test_listener.py",
    "sound/separation/spleeter_weights.py": "sound/separation/test_spleeter.py",
    "store/index.py": "store/test_store.py",
    "store/reader.py": "store/test_store.py",
    "store/writer.py": "store/test_store.py",
    "system/children.py": "web/test_serve_children.py",
    "system/console.py": "system/test_system_tables.py",
    "system/drives.py": "library/test_database.py",
    "system/hub.py": "test_export_hub.py",
    "system/on_ray.py": "system/test_ray_cluster.py",
    "system/provenance.py": "sound/test_registries.py",
    "system/sources.py": "system/test_weights.py",
    "tags/ape.py": "tags/test_kinds.py",
    "tags/asf.py": "tags/test_kinds.py",
    "tags/comments.py": "tags/test_kinds.py",
    "tags/journal.py": "tags/test_tag_kills.py",
    "tags/mp4.py": "tags/test_kinds.py",
    "tags/report.py": "web/test_trust_and_tags_api.py",
    "tags/tagger.py": "tags/test_writer.py",
    "training/epochs.py": "training/test_loop.py",
    "version.py": "tags/test_kinds.py",
    "web/app.py": "web/test_serve_schema.py",
    "web/bench.py": "web/test_serve_worker.py",
    "web/converting.py": "web/test_serve_sounds.py",
    "web/decoding.py": "web/test_serve_worker.py",
    "web/desk.py": "web/test_serve_jobs.py",
    "web/kept.py": "web/test_serve_keeps.py",
    "web/looking.py": "web/test_serve_children.py",
    "web/news.py": "web/test_serve_schema.py",
    "web/problems.py": "web/test_serve_schema.py",
    "web/replies.py": "web/test_serve_worker.py",
    "web/seen.py": "web/test_serve_children.py",
    "web/serving.py": "web/test_serve_jobs.py",
    "web/settings.py": "web/test_uploads.py",
    "web/tagging.py": "web/test_trust_and_tags_api.py",
    "web/worker.py": "web/test_serve_worker.py",
}

# The test runs the source file as a program, asks for it over HTTP or by a name in a registry: it says this.
REACHED_AS = {
    "__main__.py": ("system/test_streams.py", '"-m", "singerid"'),
    "cli/attention.py": ("analysis/test_attention.py", '"attention"'),
    "cli/audit.py": ("analysis/audit/test_audit.py", '"audit"'),
    "cli/collection.py": ("library/test_collecting_fails.py", '"collect"'),
    "cli/demo.py": ("test_demo.py", '"demo"'),
    "cli/discover.py": ("cli/test_library.py", '"discover"'),
    "cli/doctor.py": ("test_doctor.py", '"doctor"'),
    "cli/embed.py": ("analysis/test_embedding.py", '"embed"'),
    "cli/enroll.py": ("cli/test_library.py", '"enroll"'),
    "cli/evaluate.py": ("evaluation/test_evaluate.py", '"evaluate"'),
    "cli/export.py": ("test_export.py", '"export"'),
    "cli/identify.py": ("cli/test_identify_formats.py", '"identify"'),
    "cli/models.py": ("cli/test_cli.py", '"models"'),
    "cli/options.py": ("cli/test_cli.py", '"--help"'),
    "cli/prepare.py": ("preparation/test_prepare.py", '"prepare"'),
    "cli/printing.py": ("cli/test_cli.py", '"--json"'),
    "cli/serve.py": ("web/test_serve_jobs.py", '"serve"'),
    "cli/synth.py": ("data/synthetic/test_corpus.py", '"synth"'),
    "cli/train.py": ("training/test_loop.py", '"train"'),
    "data/datasets/artist20_course.py": ("data/datasets/test_datasets.py", '"artist20-course"'),
    "demo/network.py": ("test_demo.py", '"demo"'),
    "demo/players.py": ("test_demo.py", '"demo"'),
    "identify/formats/audacity.py": ("identify/test_read_back.py", '"audacity"'),
    "identify/formats/csv.py": ("identify/test_read_back.py", '"csv"'),
    "identify/formats/jams.py": ("identify/test_read_back.py", '"jams"'),
    "identify/formats/json.py": ("identify/test_read_back.py", '"json"'),
    "identify/formats/m3u8.py": ("identify/test_read_back.py", '"m3u8"'),
    "identify/formats/picture.py": ("identify/test_read_back.py", '"svg"'),
    "identify/formats/rttm.py": ("identify/test_read_back.py", '"rttm"'),
    "identify/formats/table.py": ("identify/test_read_back.py", '"table"'),
    "library/fitting.py": ("library/test_calibrate.py", ".calibrate("),
    "nn/operation/uncompiled.py": ("nn/test_operation.py", "compile("),
    "sound/decoding/mpeg.py": ("sound/decoding/test_decode.py", "mp3"),
    "web/api/answers.py": ("web/test_serve_jobs.py", "/answers."),
    "web/api/asking.py": ("web/test_serve_jobs.py", '"/hear"'),
    "web/api/hear.py": ("web/test_serve_jobs.py", '"/hear"'),
    "web/api/journal.py": ("web/test_singers_api.py", '"journal"'),
    "web/api/songs.py": ("web/test_serve_jobs.py", '"/songs"'),
    "web/api/state.py": ("web/test_serve_jobs.py", '"/state"'),
    "web/api/tags.py": ("web/test_trust_and_tags_api.py", '"tags"'),
    "web/api/trust.py": ("web/test_trust_and_tags_api.py", '"trust"'),
    "web/api/voices.py": ("web/test_review_api.py", '"voices"'),
    "web/audit.py": ("web/test_trust_and_tags_api.py", '"audit"'),
    "web/clips.py": ("web/test_singers_api.py", '"clip"'),
    "web/correcting.py": ("web/test_serve_keeps.py", "singers/rename"),
}


def mirrors_of(source: PurePosixPath) -> set[PurePosixPath]:
    """Where the test of a source file may lie, so that no table is needed; paths are below their folders."""
    rooms, name = source.parent.parts, source.stem
    folders = [PurePosixPath(*rooms[:depth]) for depth in range(1, len(rooms) + 1)]
    named = {f"test_{room}_{name}.py" for room in rooms} | {f"test_{name}_{room}.py" for room in rooms}
    return {source.with_name(f"test_{name}.py")} | {folder / each for folder in folders for each in named}


@cache
def modules_of(path: Path) -> frozenset[str]:
    """Modules that a file imports, or names in a text as registries and `monkeypatch` do.

    A name that a package passes on counts as an import of the module that defines it.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(origin(f"{node.module}.{alias.name}") for alias in node.names)}
        elif isinstance(node, ast.Constant) and re.fullmatch(r"singerid(\.\w+)+(:\w+)?", str(node.value)):
            found.add(origin(str(node.value).replace(":", ".")))
    return frozenset(found)


@cache
def origin(name: str) -> str:
    """The module of a dotted name: itself, or the module that it is defined in."""
    if file_of(name):
        return name
    module, _, attribute = name.rpartition(".")
    if not module.startswith("singerid"):
        return name
    if module == "singerid":  # they are imported when they are used
        return f"singerid.{singerid._PUBLIC[attribute]}" if attribute in singerid._PUBLIC else module
    place = file_of(module)
    if place is None:
        return origin(module)
    if place.name == "__init__.py":
        for node in ast.walk(ast.parse(place.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and any(alias.name == attribute for alias in node.names):
                return str(node.module)
    return module


def file_of(module: str) -> Path | None:
    """The file of a module of singerid; None: there is no such module."""
    place = SOURCE.parent.joinpath(*module.split("."))
    files = (place.with_suffix(".py"), place / "__init__.py")
    return next((file for file in files if file.is_file()), None) if module.startswith("singerid") else None


def reaches(test: Path, source: Path) -> bool:
    """Whether a test, or what helps it, imports a source file or a module that imports it."""
    helping, found = [test], set[str]()
    for file in helping:  # it grows
        modules = modules_of(file)
        beside = (folder / f"{name}.py" for name in modules for folder in (test.parent, TESTS))
        helping += {each for each in beside if each.is_file()} - {*helping, TESTS / "conftest.py"}
        found |= modules
    files = {file for file in map(file_of, found) if file and file.name != "__init__.py"}
    return source in files or any(file_of(name) == source for file in files for name in modules_of(file))
