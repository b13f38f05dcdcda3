// Begins: the frame, what the server tells, then the view of the address.
import { catchDrops } from "./drop";
import { el } from "./dom";
import { live } from "./live";
import { complain } from "./parts/notices";
import { Router } from "./router";
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

const router = new Router(
  main,
  {
    songs: openSongs,
    song: openSong,
    singers: openSingers,
    singer: openSinger,
    review: openReview,
    voices: openVoices,
    trust: openTrust,
  },
  markView,
  broken,
);

document.getElementById("page")?.replaceChildren(shell());
live.on("library", () => {
  Promise.resolve(router.current?.refresh?.()).catch(complain);
});
catchDrops();
void live.start().catch(complain);
router.start();
