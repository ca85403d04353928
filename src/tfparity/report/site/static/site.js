// Data that arrives as scripts, and the search that every page has. Foreign text goes into pages as text alone.
(function () {
  "use strict";
  const root = document.documentElement.dataset.root;
  const data = {}, loading = {};

  /** A script of this site, once. */
  function script(path) {
    loading[path] = loading[path] || new Promise(function (done, failed) {
      const made = document.createElement("script");
      made.src = root + path;
      made.onload = done;
      made.onerror = function () { failed(new Error("cannot be read: " + path)); };
      document.head.append(made);
    });
    return loading[path];
  }

  /** What data/<name>.js hands over. */
  async function need(name) {
    if (!(name in data)) await script("data/" + name + ".js");
    return data[name];
  }

  /** An element with attributes and children; texts stay texts. */
  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === true) made.setAttribute(name, "");
      else if (value !== false && value != null) made.setAttribute(name, value);
    }
    made.append(...children.filter(function (child) { return child != null && child !== ""; }));
    return made;
  }

  // Words that say nothing of what is asked.
  const STOP = new Set(("a an and any are as at be by can do does for from get go have how i if in into is it me my of on one or " +
    "please that the there this to use using want was what when where which who will with work works would you your need should").split(" "));
  const SAME = { tf: "tensorflow", pytorch: "torch", litert: "tflite", slow: "slower", speed: "slower", latest: "newest", upgrade: "install",
    fails: "fail", failing: "fail", failed: "fail", failure: "fail", errors: "error", exception: "error", raises: "error", crash: "error",
    crashes: "error", breaks: "broken", wrong: "broken", fix: "remedy", workaround: "remedy" };
  // Words of a question by which something fails.
  const FAILING = new Set(["why", "fail", "error", "broken"]);

  function normal(text) { return text.toLowerCase().replace(/[^a-z0-9.]+/g, ""); }

  /** The words of a text: "ResNet-50" gives "resnet-50" whole as "resnet50", and its parts. */
  function words(text) {
    const found = new Set();
    for (const part of text.toLowerCase().split(/[\s,;:?!()"'`/]+/)) {
      const trimmed = part.replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
      if (!trimmed || STOP.has(trimmed)) continue;
      const apart = trimmed.match(/^(tf|tensorflow)(\d+\.\d+)$/);
      for (const one of apart ? [apart[1], apart[2]] : [normal(trimmed), ...trimmed.split(/[^a-z0-9.]+/)]) {
        if (one && !STOP.has(one)) found.add(SAME[one] || one);
      }
    }
    return [...found];
  }

  let index = null;

  /** Word → entries that have it, with how much it tells of each. */
  function indexed(entries) {
    const places = new Map(), failing = new Map();
    entries.forEach(function (entry, place) {
      const seen = new Map();
      for (const [text, weight] of [[entry.title, 6], [entry.words, 2.5], [entry.failing, 2.5], [entry.answer, 1]]) {
        for (const word of words(text)) seen.set(word, Math.max(seen.get(word) || 0, weight));
      }
      for (const name of entry.failing.split(" ").map(normal)) failing.set(name, (failing.get(name) || new Set()).add(place));
      for (const [word, weight] of seen) {
        if (!places.has(word)) places.set(word, []);
        places.get(word).push([place, weight]);
      }
    });
    return { entries, places, failing, all: [...places.keys()].sort() };
  }

  /** Words that begin so. */
  function beginning(start) {
    let low = 0, high = index.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (index.all[middle] < start) low = middle + 1; else high = middle;
    }
    const found = [];
    while (low < index.all.length && index.all[low].startsWith(start) && found.length < 40) found.push(index.all[low++]);
    return found;
  }

  /** The places of known issues of what a question says to fail. */
  function issues(asked) {
    if (!asked.some(function (word) { return FAILING.has(word); })) return new Set();
    return new Set(asked.flatMap(function (word) { return [...(index.failing.get(word) || [])]; }));
  }

  /** Entries for a question, the best first: what few entries have counts more, what only begins so counts less. Known issues of what
   *  it says to fail stand before all others, those by which little else fails first. */
  function ranked(question) {
    const scores = new Map(), total = index.entries.length, known = issues(words(question));
    for (const asked of words(question)) {
      const mine = new Map();
      for (const word of asked.length > 1 ? beginning(asked) : [asked]) {
        for (const [place, weight] of index.places.get(word) || []) {
          mine.set(place, Math.max(mine.get(place) || 0, weight * (word === asked ? 1 : 0.4)));
        }
      }
      const rare = Math.log(1 + total / (1 + mine.size));
      for (const [place, weight] of mine) mine.set(place, weight * rare);
      for (const [place, score] of mine) scores.set(place, (scores.get(place) || 0) + score);
    }
    return [...scores].map(function ([place, score]) {
      const entry = index.entries[place], issue = known.has(place);
      return [entry, score * entry.weight / (issue ? entry.failing.split(" ").length : 1), issue];
    })
      .sort(function (a, b) { return b[2] - a[2] || b[1] - a[1]; }).map(function (one) { return one[0]; });
  }

  const shown = 12;
  let latest = 0;

  async function answer(question) {
    const mine = ++latest, panel = document.getElementById("found"), count = document.getElementById("found-count");
    if (!question.trim()) {
      panel.replaceChildren();
      count.textContent = "";
      return;
    }
    const [entries, grid] = await Promise.all([need("search"), need("grid"), script("assets/recommend.js")]);
    index = index || indexed(entries);
    if (mine !== latest) return; // typed on meanwhile
    const found = ranked(question), card = tfparity.recommended(grid, question, root), why = issues(words(question)).size > 0;
    const list = element("ol", { class: "found" }, ...found.slice(0, shown).map(function (entry) {
      return element("li", {}, element("a", { href: root + entry.url }, entry.title),
        element("span", { class: "kind" }, entry.kind), element("p", {}, entry.answer));
    }));
    const parts = [card, found.length ? list : null];
    panel.replaceChildren(...(why ? parts.reverse() : parts).filter(Boolean));
    count.textContent = found.length ? found.length + " found" + (found.length > shown ? ", the best " + shown + " shown" : "") : "Nothing found.";
  }

  document.addEventListener("DOMContentLoaded", function () {
    const box = document.getElementById("question"), form = document.getElementById("find");
    const page = /search\.html$/.test(location.pathname);
    function remember() {
      if (page) history.replaceState(null, "", "#q=" + encodeURIComponent(box.value));
    }
    box.addEventListener("input", function () { remember(); answer(box.value); });
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      const first = document.querySelector("#found a");
      if (first && box.value.trim()) location.href = page ? first.href : root + "search.html#q=" + encodeURIComponent(box.value);
    });
    box.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { box.value = ""; remember(); answer(""); }
    });
    document.addEventListener("keydown", function (event) {
      const writing = /^(input|select|textarea)$/i.test(event.target.tagName);
      if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); box.focus(); }
    });
    function fromLink() {
      const asked = new URLSearchParams(page ? location.hash.slice(1) || location.search.slice(1) : "").get("q");
      if (asked != null && asked !== box.value) { box.value = asked; answer(asked); }
    }
    window.addEventListener("hashchange", fromLink);
    fromLink();
    if (page) box.focus();
  });

  window.tfparity = { data, root, need, script, element, words, normal, put: function (name, value) { data[name] = value; } };
})();
