// Which versions for these models: the rule is that of tfparity's evidence/recommend.py, taken over a set of models. A toolchain
// by which more of them convert comes first, then one that needs fewer remedies, then better grades, then the preferred way.
(function () {
  "use strict";
  const element = tfparity.element;

  /** Way and case → place of the recorded cell. */
  function recorded(grid) {
    if (!grid.byPlace) {
      grid.byPlace = new Map(grid.ran.map(function (row) { return [row[0] * grid.cases.length + row[1], row]; }));
      grid.preferred = [];
      grid.preference.forEach(function (way, place) { grid.preferred[way] = place; });
    }
    return grid.byPlace;
  }

  function letter(grid, way, one) { return grid.states[way][one]; }

  /** Toolchains for cases (places), the best first: each with, per case, the way (or null) and its recorded row. */
  function recommend(grid, cases, tensorflow) {
    const rows = recorded(grid), found = [];
    grid.toolchains.forEach(function (chain, place) {
      if (tensorflow && chain.tensorflow !== tensorflow) return;
      const ways = grid.ways.map(function (way, at) { return way[0] === place ? at : -1; }).filter(function (at) { return at >= 0; });
      const taken = cases.map(function (one) {
        const works = ways.filter(function (way) { return "wr".includes(letter(grid, way, one)); });
        works.sort(function (a, b) {
          const first = rows.get(a * grid.cases.length + one), second = rows.get(b * grid.cases.length + one);
          return "wr".indexOf(letter(grid, a, one)) - "wr".indexOf(letter(grid, b, one)) || first[2] - second[2] || grid.preferred[a] - grid.preferred[b];
        });
        return works.length ? rows.get(works[0] * grid.cases.length + one) : null;
      });
      const ran = cases.map(function (one) { return ways.some(function (way) { return "wrpb".includes(letter(grid, way, one)); }); });
      const got = taken.filter(Boolean);
      found.push({
        chain, taken, ran, missing: cases.length - got.length,
        remedies: got.filter(function (row) { return letter(grid, row[0], row[1]) === "r"; }).length,
        grade: got.reduce(function (sum, row) { return sum + row[2]; }, 0),
        preferred: got.length ? Math.min(...got.map(function (row) { return grid.preferred[row[0]]; })) : Infinity,
      });
    });
    return found.sort(function (a, b) {
      return a.missing - b.missing || a.remedies - b.remedies || a.grade - b.grade || a.preferred - b.preferred;
    });
  }

  /** Name of a model without its family, normalised → place; models before operators, core before others. */
  function names(grid) {
    if (!grid.names) {
      const core = new Set(grid.core), rank = ["torchvision", "huggingface", "operators", "blocks"];
      grid.names = new Map();
      const order = grid.cases.map(function (_, place) { return place; });
      function key(place) {
        const family = rank.indexOf(grid.cases[place].split("/")[0]);
        return (core.has(place) ? 0 : 10) + (family < 0 ? 9 : family);
      }
      order.sort(function (a, b) { return key(a) - key(b); });
      for (const place of order) {
        for (const name of [grid.cases[place], grid.cases[place].split("/")[1]]) {
          if (!grid.names.has(tfparity.normal(name))) grid.names.set(tfparity.normal(name), place);
        }
      }
    }
    return grid.names;
  }

  /** The models that a text names, in its order. */
  function modelsIn(grid, text) {
    const known = names(grid), found = [];
    for (const part of text.split(/[\s,;:?!()"'`]+/)) {
      const place = known.get(tfparity.normal(part.replace(/[.]$/, "")));
      if (place !== undefined && !found.includes(place)) found.push(place);
    }
    return found;
  }

  /** The minor versions of TensorFlow that a text names, of those that toolchains have. */
  function versionsIn(grid, text) {
    const known = new Set(grid.toolchains.map(function (chain) { return chain.tensorflow; }));
    return [...new Set((text.match(/\d+\.\d+/g) || []).filter(function (one) { return known.has(one); }))];
  }

  function page(path) { return tfparity.root + path; }

  function how(grid, row) {
    const [, route] = grid.ways[row[0]], remedies = grid.remedies[row[5]];
    const taken = remedies.split(", ").filter(function (one) { return one && !one.startsWith("opset "); }).join(", ");
    return "by " + grid.routes[route] + (row[3] ? ", opset " + row[3] : "") + (taken ? ", with " + taken : "");
  }

  /** What to say of cases on a TensorFlow ("" for any): an element. */
  function card(grid, cases, tensorflow) {
    const found = recommend(grid, cases, tensorflow), best = found[0];
    const on = tensorflow ? "TensorFlow " + tensorflow : "Any TensorFlow";
    const named = cases.map(function (one) { return grid.cases[one]; }).join(", ");
    if (!best || best.missing === cases.length) {
      return element("div", { class: "card" }, element("p", {}, element("b", {}, on + ", " + named + ": "),
        best && best.ran.some(Boolean) ? "no recorded way converts." : "untested."));
    }
    const others = found.slice(1).filter(function (one) { return one.missing === best.missing; }).slice(0, 1);
    const items = cases.map(function (one, at) {
      const row = best.taken[at];
      const link = element("a", { href: page("cases/" + grid.cases[one] + ".html") }, grid.cases[one]);
      if (!row) return element("li", {}, link, best.ran[at] ? ": does not convert here" : ": untested here");
      const words = letter(grid, row[0], one) === "w" ? "✓ works " : "✓* works with a remedy ";
      return element("li", {}, link, ": " + words + how(grid, row) + " (" + grid.grades[row[2]][1] + ")");
    });
    return element("div", { class: "card" },
      element("p", {}, element("b", {}, on + (best.missing ? ": nearest is " : ": install ")),
        element("a", { href: page("toolchains/" + best.chain.id + ".html#install") }, best.chain.id),
        " (Python " + best.chain.python + ", torch " + best.chain.torch + (best.chain.onnx_tf ? ", onnx-tf " + best.chain.onnx_tf : "") + ")"),
      element("ul", {}, ...items),
      others.length ? element("p", { class: "quiet" }, "Runner-up: ", element("a", { href: page("toolchains/" + others[0].chain.id + ".html") }, others[0].chain.id)) : null);
  }

  /** The card for a question of the search, null where it names no model. */
  function recommended(grid, question) {
    const cases = modelsIn(grid, question), versions = versionsIn(grid, question);
    if (!cases.length) return null;
    const cards = (versions.length ? versions : [""]).map(function (version) { return card(grid, cases, version); });
    return element("div", { class: "cards" }, ...cards);
  }

  Object.assign(tfparity, { recommend, recommended, card, modelsIn });
})();
