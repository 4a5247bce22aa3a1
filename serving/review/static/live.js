// Follows the stream of events and fetches the board when one comes, and now and then for health and the last hour.
const board = document.getElementById("board");
const stale = document.getElementById("stale");
const EVERY_MS = 10000;
const AT_MOST_EVERY_MS = 500;
let due = null;
let looking = false;

function lookIn(ms) {
  clearTimeout(due);
  due = setTimeout(look, ms);
}

async function look() {
  if (looking) return news();
  looking = true;
  try {
    const answer = await fetch("/live/board", { redirect: "manual" });
    if (answer.type === "opaqueredirect") return location.reload(); // the session has ended
    if (!answer.ok) throw new Error(answer.status);
    const text = await answer.text();
    if (!board.contains(document.activeElement)) board.innerHTML = text; // do not take a link away from under the keyboard
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
  looking = false;
  lookIn(EVERY_MS);
}

let wanted = false;
function news() {
  if (wanted) return; // many scans a second are one look
  wanted = true;
  setTimeout(() => {
    wanted = false;
    look();
  }, AT_MOST_EVERY_MS);
}

function follow() {
  const events = new EventSource("/v1/events");
  for (const type of ["open", "verdict", "late_verdict", "review"]) events.addEventListener(type, news);
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, EVERY_MS); // else the browser connects again itself
    look(); // tells whether anybody is there
  });
}
follow();
lookIn(EVERY_MS);
