// Makes a part of the page like a newer one by changing only what differs: focus, selection and players stay.
const KEPT = new Set(["open"]);

export function morph(now, wanted) {
  if (now.nodeType !== Node.ELEMENT_NODE) {
    if (now.data !== wanted.data) now.data = wanted.data;
    return;
  }
  if (now.hasAttribute("data-keep")) return;
  // What is said of a time is told by the clock here.
  if (now.localName === "time" && now.dateTime === wanted.dateTime && now.className === wanted.className) return;
  attributes(now, wanted);
  if (now.localName === "select" || now.localName === "textarea") return;
  children(now, wanted);
}

export function fill(part, html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  children(part, holder.content);
}

function attributes(now, wanted) {
  for (const { name, value } of wanted.attributes) {
    if (now.getAttribute(name) !== value && !KEPT.has(name)) now.setAttribute(name, value);
  }
  for (const { name } of [...now.attributes]) {
    if (!wanted.hasAttribute(name) && !KEPT.has(name)) now.removeAttribute(name);
  }
}

function children(now, wanted) {
  const keyed = byId(now);
  const stays = byId(wanted);
  let at = now.firstChild;
  const drop = () => {
    const after = at.nextSibling;
    at.remove();
    at = after;
  };
  for (const next of [...wanted.childNodes]) {
    // A page and its part differ in the space around them.
    while (at && blank(at) && !blank(next)) drop();
    let match = next.id ? keyed.get(next.id) : null;
    // What was before it goes: to move an element is to lose its focus and its film.
    while (match && at && at !== match && !stays.has(at.id)) drop();
    if (!match && at && alike(at, next)) match = at;
    if (match === at && at) at = at.nextSibling;
    else if (match) now.insertBefore(match, at);
    if (match) morph(match, next);
    else now.insertBefore(document.importNode(next, true), at);
  }
  while (at) drop();
}

function byId(parent) {
  return new Map([...parent.children].filter((child) => child.id).map((child) => [child.id, child]));
}

function blank(node) {
  return node.nodeType === Node.TEXT_NODE && !node.data.trim();
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && !one.id && !other.id;
}
