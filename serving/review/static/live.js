// Fetches the board again and again, and says so when it can not.
const board = document.getElementById("board");
const stale = document.getElementById("stale");
const EVERY_MS = 2000;

async function look() {
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
  setTimeout(look, EVERY_MS);
}
setTimeout(look, EVERY_MS);
