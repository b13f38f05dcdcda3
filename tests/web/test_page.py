"""What a person does on the page, in a real browser at a real server: add, listen, correct, undo."""

import re
from pathlib import Path

import pytest

from browsing import (
    ask,
    browsing,
    chromium,
    click_again,
    click_at,
    delay,
    drop,
    get,
    go,
    newest,
    undo,
    watched,
)
from made_voices import PITCHES, write_noise, write_singers, write_voice
from servers import serving

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra [dev]: playwright")
WAIT_MS = 30_000
sync_api.expect.set_options(timeout=WAIT_MS)
expect = sync_api.expect


@pytest.fixture(scope="module")
def songs(tmp_path_factory) -> Path:
    """A folder to be heard: a song by each singer, a stranger's two, and one without a voice."""
    folder = tmp_path_factory.mktemp("songs") / "records"
    for number, (singer, pitch) in enumerate(PITCHES.items()):
        write_voice(folder / f"by {singer}.wav", pitch * 1.004, 6.0, seed=40 + number)
    for number in range(2):
        write_voice(folder / f"stranger {number}.wav", 640.0 * (1 + 0.01 * number), 6.0, seed=50 + number)
    write_noise(folder / "rain.wav", 4.0)
    return folder


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    """A library of its own for this module, with its recordings beside it."""
    import small_ears
    from singerid.library.entrants import entrants_of_tree
    from singerid.library.library import Library

    folder = tmp_path_factory.mktemp("page")
    tree = write_singers(folder / "tree")
    with small_ears.known(), Library.open(folder / "my singers", create=True) as library:
        library.enroll_all(entrants_of_tree(tree, None, pytest.fail), encoder="small")
    return folder / "my singers"


@pytest.fixture(scope="module")
def server(library, songs):
    chromium()
    with serving(library, [songs, library.parent / "tree"]) as server:
        yield server


@pytest.fixture(scope="module")
def context(server):
    """One browser that is signed in, for all tests of the module."""
    with browsing() as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.goto(server.address)
        page.close()
        yield context


@pytest.fixture
def page(context, server):
    """A page on which nothing may go wrong during a test."""
    with watched(context, server) as page:
        yield page


def row(page, name: str):
    """The link to a song in the table."""
    return page.get_by_role("table").get_by_role("link", name=name)


def open_song(page, name: str) -> None:
    row(page, name).click()
    page.get_by_role("heading", name=name, level=1).wait_for()


def hear(page, folder: Path, song: str) -> None:
    """Have a folder heard by its path, unless that was done."""
    if row(page, song).count():
        return
    page.get_by_role("button", name="Add songs").first.click()
    field = page.get_by_label("Path of a folder or a file")
    field.fill(str(folder))
    with page.expect_response(re.compile("/hear$")) as sent:
        page.get_by_role("button", name="Listen to this folder").click()
    assert sent.value.ok, sent.value.text()
    row(page, song).wait_for()


def decision(page):
    return page.locator(".decision")


def id_of(page, name: str) -> int:
    """A song's number."""
    return get(page, f"/songs?q={name}")["songs"][0]["id"]


def say(page, name: str, **what) -> None:
    """Correct a song as another window would."""
    ask(page, (f"/songs/{id_of(page, name)}/say", what))


def test_a_dropped_song_is_heard(page, tmp_path) -> None:
    dropped = write_voice(tmp_path / "a dropped song.wav", PITCHES["Ada"] * 1.005, 4.0, seed=31)
    drop(page, dropped)
    row(page, "a dropped song.wav").wait_for()
    open_song(page, "a dropped song.wav")
    expect(decision(page)).to_contain_text("Ada")
    # Only what is dropped is copied; the file itself is not touched.
    assert dropped.exists()


def test_a_folder_is_heard_by_its_path_and_filtered(page, songs) -> None:
    hear(page, songs, "by Bea.wav")
    for name in ("by Ada.wav", "by Cy.wav", "stranger 0.wav", "stranger 1.wav", "rain.wav"):
        row(page, name).wait_for()
    page.get_by_role("radio", name=re.compile("No voice")).check()
    row(page, "by Bea.wav").wait_for(state="detached")
    expect(row(page, "rain.wav")).to_be_visible()
    page.get_by_role("radio", name=re.compile("^All")).check()
    page.get_by_label("Search songs").fill("stranger")
    row(page, "rain.wav").wait_for(state="detached")
    expect(row(page, "stranger 1.wav")).to_be_visible()
    # The filter is in the address: going back restores it.
    assert "q=stranger" in page.url


def test_nothing_moves_when_the_list_of_folders_arrives(page, songs) -> None:
    """A button that moved under a click did nothing, or opened another folder."""
    delay(page, "/folders", 500)
    page.get_by_role("button", name="Add songs").first.click()
    button = page.get_by_role("button", name="Listen to this folder")
    button.wait_for()
    page.wait_for_timeout(300)  # the dialog has opened
    before = button.bounding_box()
    page.get_by_text(re.compile("directly inside")).wait_for()
    assert button.bounding_box() == before


def test_an_overtaken_search_is_not_counted(page, songs) -> None:
    hear(page, songs, "by Bea.wav")
    row(page, "rain.wav").wait_for()
    every = page.get_by_role("radio", name=re.compile("^All"))
    name = page.locator(".segment").first
    before = name.inner_text()
    delay(page, "q=rain", 700)
    field = page.get_by_label("Search songs")
    with page.expect_response(re.compile("q=rain")):
        field.fill("rain")
    field.fill("")
    page.wait_for_timeout(900)
    assert every.is_checked()
    assert name.inner_text() == before


def test_a_job_that_ends_before_it_was_said_to_wait_is_over(page, songs) -> None:
    """The news of its end overtakes the answer to the request; a song is heard again from its own page."""
    hear(page, songs, "by Bea.wav")
    page.locator(".jobs > *").first.wait_for(state="detached")
    open_song(page, "by Bea.wav")
    page.evaluate(
        """() => {
            const real = window.fetch;
            const ended = async () => {
                const { jobs } = await (await real("/api/v1/jobs")).json();
                return jobs.every(job => !["waiting", "running"].includes(job.state));
            };
            const rest = wait => new Promise(go => setTimeout(go, wait));
            let isTaken;
            window.taken = new Promise(go => { isTaken = go; });
            window.fetch = async (address, options) => {
                const answer = await real(address, options);
                if (!/hear$/.test(address)) return answer;
                do await rest(700); while (!await ended()); // its news have come by then
                setTimeout(isTaken, 100);
                return answer;
            };
        }"""
    )
    page.get_by_role("button", name="Hear again").click()
    page.locator(".notices").get_by_text(re.compile("heard|up to date")).last.wait_for()
    page.evaluate("taken")
    assert page.locator(".jobs > *").count() == 0


def test_a_page_that_nobody_sees_holds_no_connection(context, server, songs) -> None:
    """A browser opens at most six to a server: tabs in the background would take them all."""
    page = context.new_page()
    page.add_init_script(
        """
        window.streams = [];
        window.EventSource = class extends EventSource {
            constructor(address) { super(address); window.streams.push(this); }
        };
        window.turn = isHidden => {
            Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        };
        """
    )
    page.goto(f"http://127.0.0.1:{server.port}/#/singers")
    page.get_by_role("link", name="Ada", exact=True).wait_for()
    page.evaluate("new Promise(go => streams[0].readyState === 1 ? go() : streams[0].onopen = () => go())")
    page.evaluate("turn(true)")
    assert page.evaluate("streams.every(one => one.readyState === 2)")
    ask(page, ("/singers/rename", {"name": "Ada", "to": "Adele"}))
    page.wait_for_timeout(600)
    assert page.get_by_role("link", name="Adele").count() == 0
    page.evaluate("turn(false)")  # when it is shown again, it is up to date
    page.get_by_role("link", name="Adele").wait_for()
    ask(page, ("/undo", {}))
    page.get_by_role("link", name="Ada", exact=True).wait_for()
    page.close()


def test_a_server_that_was_away_at_first_is_found_again(context, server) -> None:
    page = context.new_page()
    page.clock.install()
    page.route("**/api/v1/**", lambda route: route.abort())
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.get_by_role("heading", name="This view could not be shown").wait_for()
    page.locator(".banners").get_by_text("The server does not answer").wait_for()
    page.unroute("**/api/v1/**")
    page.clock.fast_forward(4000)
    page.get_by_role("heading", name="Songs", level=1).wait_for()
    expect(page.locator(".banners p")).to_have_count(0)
    expect(page.locator(".library")).to_have_text("my singers")
    page.close()


def test_a_path_outside_the_roots_is_refused_with_the_remedy(page, tmp_path) -> None:
    page.get_by_role("button", name="Add songs").first.click()
    page.get_by_label("Path of a folder or a file").fill(str(tmp_path))
    page.get_by_role("button", name="Listen to this folder").click()
    page.get_by_role("alert").get_by_text("--root").wait_for()


def test_a_click_into_the_waveform_goes_there_and_time_moves(page, songs) -> None:
    hear(page, songs, "by Bea.wav")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    open_song(page, "by Bea.wav")
    wave = page.get_by_role("slider", name="Place in the song")
    wave.wait_for()
    box = wave.bounding_box()
    wave.click(position={"x": box["width"] * 0.5, "y": box["height"] / 2})
    expect(wave).to_have_attribute("aria-valuenow", "3")
    page.locator(".transport").get_by_role("button", name="Play").click()
    expect(wave).to_have_attribute("aria-valuenow", re.compile("^[456]$"))
    # The browser caches by address, so the address must change with the file behind the song's number.
    for kept in ("peaks", "sound", "spectrogram.png"):
        assert [url for url in asked if re.search(rf"/{kept}\?of=.", url)], kept
    page.locator(".transport").get_by_role("button", name="Pause").click()


def test_a_click_on_a_turn_listens_from_there(page, songs) -> None:
    hear(page, songs, "by Bea.wav")
    open_song(page, "by Bea.wav")
    turn = page.get_by_role("button", name=re.compile("Bea.*listen from there")).first
    turn.click()
    page.locator(".transport").get_by_role("button", name="Pause").wait_for()
    expect(page.locator(".turn.sings")).to_have_count(1)


def test_no_is_kept_and_taken_back(page, songs) -> None:
    hear(page, songs, "by Cy.wav")
    open_song(page, "by Cy.wav")
    expect(decision(page)).to_contain_text("Cy")
    page.locator(".transport").get_by_role("button", name="Play").click()
    pause = page.locator(".transport").get_by_role("button", name="Pause")
    pause.wait_for()
    page.locator(".lane-label").get_by_text("Cy").wait_for()
    click_at(page, page.get_by_role("button", name=re.compile("^Not .*Cy")))
    page.get_by_text(re.compile("Kept: this is not .*Cy")).wait_for()
    expect(decision(page)).not_to_contain_text("Cy")
    said = newest(page)
    # A double click does not press what stands there now; and the music goes on.
    click_again(page)
    expect(page.locator(".lane-label").get_by_text("Cy")).to_have_count(0)
    expect(pause).to_be_visible()
    assert newest(page) == said
    page.reload()
    decision(page).wait_for()
    assert "Cy" not in decision(page).inner_text()
    undo(page)
    expect(decision(page)).to_contain_text("Cy")


def test_a_new_singer_is_named_and_known_from_then_on(page, songs) -> None:
    hear(page, songs, "stranger 0.wav")
    open_song(page, "stranger 0.wav")
    page.get_by_role("button", name=re.compile("Name the singer|Somebody else")).click()
    page.get_by_label("Singer’s name").fill("Dora")
    page.get_by_role("button", name="That is who sings").click()
    expect(decision(page)).to_contain_text("Dora")
    go(page, "Singers")
    page.get_by_role("link", name="Dora").wait_for()
    go(page, "Songs")
    # Her other song, which nobody named, is hers at the next look.
    page.get_by_role("row", name=re.compile("stranger 1.*Dora")).wait_for()
    undo(page)
    go(page, "Singers")
    page.get_by_role("link", name="Ada").wait_for()
    expect(page.get_by_role("link", name="Dora")).to_have_count(0)


def test_one_press_of_undo_is_one_step(page, songs) -> None:
    hear(page, songs, "by Bea.wav")
    say(page, "by Bea.wav", is_not="Ada")
    first = newest(page)
    say(page, "by Bea.wav", is_not="Cy")
    assert newest(page) > first
    page.reload()
    button = page.get_by_role("button", name="Undo", exact=True)
    button.focus()
    with page.expect_response("**/api/v1/state"):
        page.keyboard.press("Enter")
    page.get_by_text(re.compile("^Taken back:")).wait_for()
    page.wait_for_timeout(50)
    page.keyboard.press("Enter")  # too soon: a person cannot have read yet what it would take back now
    page.wait_for_timeout(200)
    expect(button).to_be_enabled()
    assert newest(page) == first
    undo(page)


def test_what_was_done_meanwhile_is_not_taken_back_unseen(page, songs) -> None:
    hear(page, songs, "by Bea.wav")
    say(page, "by Bea.wav", is_not="Ada")
    page.get_by_role("button", name="History").click()
    steps = page.get_by_role("dialog").get_by_role("listitem")
    steps.first.wait_for()
    before = steps.count()
    say(page, "by Bea.wav", is_not="Cy")
    done = newest(page)
    page.get_by_role("button", name="Take this back").click()
    page.get_by_role("alert").get_by_text(re.compile("meanwhile")).wait_for()
    expect(steps).to_have_count(before + 1)
    assert newest(page) == done
    page.get_by_role("button", name="Take back these 2").click()
    page.get_by_text(re.compile("^Taken back:")).wait_for()
    assert newest(page) < done


def test_singers_are_merged_after_a_look_and_parted_by_undo(page) -> None:
    go(page, "Singers")
    page.get_by_role("link", name="Bea").click()
    page.get_by_role("button", name="Merge…").click()
    field = page.get_by_label("Into", exact=True)
    field.fill("Cy")
    merge = page.get_by_role("button", name="Merge", exact=True)
    expect(merge).to_be_disabled()  # there was no preview yet
    page.get_by_role("button", name="Preview").click()
    page.get_by_text(re.compile("3 recordings of .*Bea.* would become .*Cy")).wait_for()
    field.fill("Ada")
    expect(merge).to_be_disabled()  # nor of this merge
    field.fill("Cy")
    page.get_by_role("button", name="Preview").click()
    merge.click()
    page.get_by_role("heading", name="Cy", level=1).wait_for()
    expect(page.get_by_text("6 recordings")).to_be_visible()
    undo(page)
    page.get_by_text("3 recordings").first.wait_for()
    go(page, "Singers")
    page.get_by_role("link", name="Bea").wait_for()


def test_a_singer_is_renamed_and_the_page_goes_along_when_that_is_taken_back(page) -> None:
    go(page, "Singers")
    page.get_by_role("link", name="Ada").click()
    page.get_by_role("button", name="Rename…").click()
    page.get_by_label("New name").fill("Adèle <b>")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.get_by_role("heading", name="Adèle <b>", level=1).wait_for()
    undo(page)
    page.get_by_role("heading", name="Singers", level=1).wait_for()
    page.get_by_role("link", name="Ada", exact=True).wait_for()


def test_forgetting_asks_and_the_harmless_answer_has_the_focus(page) -> None:
    go(page, "Singers")
    page.get_by_role("link", name="Ada", exact=True).click()
    page.get_by_role("button", name="Forget…").click()
    expect(page.get_by_role("button", name="Keep this singer")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_role("heading", name="Ada", level=1).wait_for()


def test_review_is_answered_by_keys(page, songs) -> None:
    hear(page, songs, "stranger 0.wav")
    go(page, "Review")
    page.locator(".question h2").wait_for()
    told = page.locator(".view-head .quiet")
    before = told.inner_text()
    page.keyboard.press("s")
    page.get_by_label("Singer’s name").fill("Eve")
    page.keyboard.press("Enter")
    expect(told).not_to_have_text(before)
    go(page, "Singers")
    page.get_by_role("link", name="Eve").wait_for()
    undo(page)


def test_a_question_stays_while_it_is_open_and_what_comes_instead_is_not_answered_in_haste(
    page, songs
) -> None:
    hear(page, songs, "stranger 0.wav")
    go(page, "Review")
    page.locator(".question h2").wait_for()
    about = page.locator(".question .about")
    told = page.locator(".view-head .quiet")
    song = about.inner_text()
    question = get(page, "/review")["question"]["id"]
    # Another window skips it and answers something else: by now another song would be asked about.
    ask(page, ("/review", {"id": question, "answer": "skip"}))
    assert get(page, "/review")["question"]["id"] != question
    with page.expect_response(re.compile("/api/v1/review")):
        say(page, "by Bea.wav", is_not="Ada")
    page.wait_for_timeout(100)
    assert about.inner_text() == song
    # Then it is answered there.
    ask(page, ("/review", {"id": question, "answer": "nobody"}))
    page.get_by_text("The next question.").wait_for()
    assert about.inner_text() != song
    before = newest(page)
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Nobody sings")).to_be_enabled()  # a moment later
    assert newest(page) == before
    ask(page, ("/undo", {"count": 2}))
    expect(told).to_contain_text(re.compile("left"))


def test_a_double_click_answers_one_question(page, songs) -> None:
    hear(page, songs, "stranger 0.wav")
    go(page, "Review")
    about = page.locator(".question .about")
    song = about.inner_text()
    click_at(page, page.get_by_role("button", name="Nobody sings"))
    expect(about).not_to_have_text(song)
    answered = newest(page)
    click_again(page)
    page.wait_for_timeout(200)
    assert newest(page) == answered
    undo(page)


def test_the_voices_of_strangers_are_grouped_and_named(page, songs) -> None:
    hear(page, songs, "stranger 1.wav")
    go(page, "Unnamed")
    page.get_by_role("button", name=re.compile("Group")).click()
    page.get_by_role("heading", name=re.compile("^Voice")).first.wait_for()
    field = page.get_by_label(re.compile("^Name of voice")).first
    field.press_sequentially("Fa")
    field.press("ArrowLeft")
    with page.expect_response("**/api/v1/voices"):
        say(page, "by Bea.wav", is_not="Ada")  # in another window
    page.wait_for_timeout(100)
    page.keyboard.press("r")  # where the caret was
    expect(field).to_have_value("Fra")
    page.get_by_role("button", name="Name this voice").first.click()
    page.get_by_text(re.compile("Fra.* now has 2 more recordings")).wait_for()
    undo(page)
    # A double click on what leaves a group does not reach the song that takes its place.
    songs_of = page.locator(".group").first.get_by_role("listitem")
    expect(songs_of).to_have_count(2)
    click_at(page, page.get_by_role("button", name="Not the same").first)
    page.get_by_text("was removed from the group for good").wait_for()
    left = newest(page)
    click_again(page)
    page.wait_for_timeout(200)
    assert newest(page) == left
    undo(page)
    expect(songs_of).to_have_count(2)


def test_trust_says_what_the_library_can_promise(page) -> None:
    go(page, "Trust")
    page.get_by_text("Not calibrated yet").wait_for()
    page.get_by_role("button", name="Calibrate").click()
    page.get_by_text("Calibrated", exact=True).wait_for()
    picture = page.get_by_role("img", name=re.compile("^Scores of enrolled singers"))
    picture.wait_for()
    assert re.search(r"of=20\d\d-", picture.get_attribute("src"))  # another one when it is calibrated again
    promise = page.get_by_label("How many strangers’ songs")
    promise.select_option("0.1")
    with page.expect_response("**/api/v1/trust"):
        say(page, "by Bea.wav", is_not="Ada")
    page.wait_for_timeout(100)
    expect(promise).to_have_value("0.1")


def test_answers_are_downloaded_as_they_are_listed(page, songs) -> None:
    hear(page, songs, "by Bea.wav")
    page.get_by_role("radio", name=re.compile("Named")).check()
    row(page, "rain.wav").wait_for(state="detached")
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as caught:
        page.get_by_role("link", name=re.compile("^CSV")).click()
    table = Path(caught.value.path()).read_text(encoding="utf-8")
    assert "by Bea.wav" in table
    assert "rain.wav" not in table
