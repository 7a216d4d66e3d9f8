// What pages do besides being read: search while typing, one choice of language for all examples, copying.
"use strict";
(() => {
  const LIMIT = 30;
  const input = document.getElementById("search");

  function storage(value) {
    try {
      if (value === undefined) return localStorage.getItem("graft-language");
      localStorage.setItem("graft-language", value);
    } catch {
      // A browser may keep nothing; then each page begins anew.
    }
    return null;
  }

  function choose(language) {
    for (const radio of document.querySelectorAll(".calls input")) {
      if (radio.value === language) radio.checked = true;
    }
  }

  function copy(text, button) {
    if (!navigator.clipboard) return;
    navigator.clipboard.writeText(text).then(
      () => {
        const before = button.textContent;
        button.textContent = "copied";
        setTimeout(() => { button.textContent = before; }, 1200);
      },
      () => {},
    );
  }

  const chosen = storage();
  if (chosen) choose(chosen);
  document.addEventListener("change", (event) => {
    if (!event.target.matches(".calls input")) return;
    // What lies above changes its height, too; what the reader looks at stays where it is.
    const before = event.target.parentElement.getBoundingClientRect().top;
    choose(event.target.value);
    window.scrollBy(0, event.target.parentElement.getBoundingClientRect().top - before);
    storage(event.target.value);
  });
  document.addEventListener("click", (event) => {
    const anchor = event.target.closest(".anchor");
    if (anchor) copy(anchor.href, anchor);
    const button = event.target.closest(".copy");
    if (button) copy(button.parentElement.querySelector("code").textContent, button);
  });
  if (navigator.clipboard) {
    for (const panel of document.querySelectorAll(".calls .panel")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      panel.append(button);
    }
  }
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
  const here = document.querySelector(".side [aria-current]");
  const side = document.querySelector(".side");
  if (here && side.scrollHeight > side.clientHeight) side.scrollTop = here.offsetTop - side.offsetTop - 40;

  if (!input) return;
  const list = document.createElement("ul");
  list.className = "found";
  list.id = "found";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Found");
  input.form.append(list);
  for (const [name, value] of [["role", "combobox"], ["aria-controls", "found"], ["aria-expanded", "false"], ["aria-autocomplete", "list"]]) {
    input.setAttribute(name, value);
  }
  let entries = null;
  let loading = false;
  let selected = -1;

  function load() {
    if (loading) return;
    loading = true;
    const script = document.createElement("script");
    script.src = "search-index.js";
    script.addEventListener("load", () => {
      entries = window.graftSearchIndex.map(([name, kind, href, about]) => (
        { name, kind, href, about, key: name.toLowerCase(), words: `${name} ${about}`.toLowerCase() }
      ));
      show();
    });
    script.addEventListener("error", () => { loading = false; });
    document.head.append(script);
  }

  function rank(entry, wanted, parts) {
    const last = entry.key.slice(entry.key.lastIndexOf(".") + 1);
    if (entry.key === wanted) return 0;
    if (last === wanted) return 1;
    if (entry.key.startsWith(wanted)) return 2;
    if (last.startsWith(wanted)) return 3;
    if (entry.key.includes(wanted)) return 4;
    if (parts.every((part) => entry.key.includes(part))) return 5;
    return parts.every((part) => entry.words.includes(part)) ? 6 : -1;
  }

  function find(wanted) {
    const parts = wanted.split(/[\s._]+/).filter(Boolean);
    if (!parts.length) return [];
    return entries
      .map((entry) => [rank(entry, wanted, parts), entry])
      .filter(([order]) => order >= 0)
      .sort((one, other) => one[0] - other[0] || one[1].key.length - other[1].key.length || (one[1].key < other[1].key ? -1 : 1))
      .slice(0, LIMIT)
      .map(([, entry]) => entry);
  }

  function item(entry, number) {
    const row = document.createElement("li");
    row.id = `found-${number}`;
    row.setAttribute("role", "option");
    const link = document.createElement("a");
    link.href = entry.href;
    link.tabIndex = -1;
    const name = document.createElement("b");
    name.textContent = entry.name;
    const kind = document.createElement("i");
    kind.textContent = entry.kind;
    const about = document.createElement("small");
    about.textContent = entry.about;
    link.append(name, kind, about);
    row.append(link);
    return row;
  }

  function show() {
    const wanted = input.value.trim().toLowerCase();
    selected = -1;
    input.removeAttribute("aria-activedescendant");
    list.replaceChildren();
    if (wanted && entries) {
      const found = find(wanted);
      if (found.length) {
        list.append(...found.map(item));
      } else {
        const none = document.createElement("li");
        none.className = "none";
        none.textContent = "Nothing is called so.";
        list.append(none);
      }
    }
    input.setAttribute("aria-expanded", String(list.childElementCount > 0));
  }

  function hide() {
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function move(step) {
    const rows = [...list.querySelectorAll("[role=option]")];
    if (!rows.length) return;
    if (selected >= 0) rows[selected].removeAttribute("aria-selected");
    selected = (selected + step + rows.length) % rows.length;
    rows[selected].setAttribute("aria-selected", "true");
    rows[selected].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", rows[selected].id);
  }

  function go() {
    const rows = list.querySelectorAll("[role=option] a");
    const link = rows[Math.max(selected, 0)];
    if (link) link.click();
    return Boolean(link);
  }

  input.addEventListener("focus", load);
  input.addEventListener("input", () => { load(); show(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : selected < 0 ? 0 : -1);
    } else if (event.key === "Escape") {
      hide();
    }
  });
  input.form.addEventListener("submit", (event) => { if (go()) event.preventDefault(); });
  list.addEventListener("click", () => { setTimeout(hide, 0); });
  document.addEventListener("click", (event) => { if (!input.form.contains(event.target)) hide(); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
      input.select();
    }
  });
  const asked = new URLSearchParams(location.search).get("q");
  if (asked) {
    input.value = asked.slice(0, 100);
    input.focus();
    load();
  }
})();
