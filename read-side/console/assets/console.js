// Live parts of pages, and questions before what cannot be taken back. Without it every page still works.
"use strict";

// Makes `now` the same as `next`, leaving alone what is equal: focus and moving pictures stay.
function morph(now, next) {
  for (const name of now.getAttributeNames()) {
    if (!next.hasAttribute(name)) now.removeAttribute(name);
  }
  for (const name of next.getAttributeNames()) {
    const value = next.getAttribute(name);
    if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  }
  const before = [...now.childNodes];
  const after = [...next.childNodes];
  after.forEach((node, place) => {
    const old = before[place];
    if (!old) now.append(node);
    else if (old.nodeType !== node.nodeType || old.nodeName !== node.nodeName) old.replaceWith(node);
    else if (node.nodeType === Node.ELEMENT_NODE) morph(old, node);
    else if (old.data !== node.data) old.data = node.data;
  });
  before.slice(after.length).forEach((node) => node.remove());
}

function show(part, markup) {
  const next = part.cloneNode(false);
  next.innerHTML = markup;
  morph(part, next);
}

// Shows what becomes of `part` while somebody sees it: each stream takes one of the browser's six connections to a host.
function follow(part) {
  let source = null;
  const state = (name) => part.parentElement.setAttribute("data-connection", name);
  const close = () => {
    source?.close();
    source = null;
  };
  const open = () => {
    if (source || document.hidden || part.parentElement.dataset.connection === "ended") return;
    source = new EventSource(part.dataset.live);
    source.onopen = () => state("open");
    source.onmessage = (event) => show(part, event.data);
    source.addEventListener("last", (event) => {
      close();
      show(part, event.data);
      state("ended");
    });
    source.onerror = () => {
      state("lost");
      // The browser tries again by itself, unless it was refused.
      if (source?.readyState !== EventSource.CLOSED) return;
      close();
      setTimeout(open, 3000);
    };
  };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  open();
}

document.querySelectorAll("[data-live]").forEach(follow);
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
// A filter that is chosen needs no button.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});
