// The start: the frame, the news of the server, then the view that the address names.
import { catchDrops } from "./drop";
import { el, guardClicks } from "./dom";
import { live } from "./live";
import { complain } from "./parts/notices";
import { Router, type Opener } from "./router";
import { main, markView, shell } from "./shell";
import { texts } from "./texts";
import { openReview } from "./views/review";
import { openSinger } from "./views/singer";
import { openSingers } from "./views/singers";
import { openSong } from "./views/song";
import { openSongs } from "./views/songs";
import { openTrust } from "./views/trust";
import { openVoices } from "./views/voices";

function broken(error: unknown): HTMLElement {
  const message = error instanceof Error ? error.message : String(error);
  const again = el("button", { type: "button", class: "button", onclick: () => void router.go(true) }, texts.errors.again);
  return el("div", { class: "empty", role: "alert" }, el("h1", {}, texts.errors.broken), el("p", {}, message), again);
}

/** Opens a view that must know whether the library can be written. */
const informed =
  (open: Opener): Opener =>
  async (place) => {
    await live.begun;
    return open(place);
  };

const router = new Router(
  main,
  {
    songs: openSongs,
    song: informed(openSong),
    singers: openSingers,
    singer: informed(openSinger),
    review: informed(openReview),
    voices: informed(openVoices),
    trust: informed(openTrust),
  },
  markView,
  broken,
);

document.getElementById("page")?.replaceChildren(shell());
live.on("library", () => {
  Promise.resolve(router.current?.refresh?.()).catch(complain);
});
guardClicks();
catchDrops();
live.start();
router.start();
